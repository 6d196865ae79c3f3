// The key `include`: bounds, meaning. See schema.ts.
import * as Type from 'typebox';
import { words } from '../keywords.ts';
import { judgeInclude } from './pattern.ts';

export const IncludeKey = Type.Optional(
  Type.Refine(
    Type.Unknown({
      judge: judgeInclude,
      judgeList: judgeInclude,
      typeText: { en: 'text, or list of texts', ko: '문자열 또는 문자열 목록' },
      defaultText: { en: 'none', ko: '없음' },
      ...words(
        'files with more `services`, by name or pattern (`conf.d/*.yaml`), relative to the directory of this file; each contains `services` and nothing else',
        '`services`가 더 들어 있는 파일의 이름 또는 패턴(`conf.d/*.yaml`), 이 파일의 디렉터리 기준; 각 파일에는 `services`만 있어야 함',
      ),
    }),
    (value) => judgeInclude(value) === null,
  ),
);
