// Renders the configuration reference as Markdown from the schema, so the two cannot disagree.
import { freeValue, ROOT, type Shape } from './shape.ts';

export type Language = 'en' | 'ko';

const TITLES = {
  en: { key: 'key', type: 'type', fallback: 'default', meaning: 'meaning', tiers: ['≤ 2', '≤ 5', '> 5'] },
  ko: { key: '키', type: '형식', fallback: '기본값', meaning: '설명', tiers: ['≤ 2', '≤ 5', '> 5'] },
} as const;

const TEXTS = {
  en: {
    required: 'required',
    none: '–',
    runtime: '`runtime` keys, with their defaults by the number of backends of the service:',
    list: 'list',
    map: 'map',
    text: 'text',
    any: 'any',
  },
  ko: {
    required: '필수',
    none: '–',
    runtime: '`runtime` 키와 서비스의 백엔드 수에 따른 기본값:',
    list: '목록',
    map: '맵',
    text: '문자열',
    any: '아무 값',
  },
} as const;

/** Renders two tables: all keys except those of `runtime`, and those of `runtime` with the three profiles. */
export function renderReference(language: Language): string {
  const { key, type, fallback, meaning, tiers } = TITLES[language];
  const runtime = ROOT.properties?.['runtime']?.properties ?? {};
  return [
    table([key, type, fallback, meaning], rowsOf(ROOT, '', language)),
    TEXTS[language].runtime,
    table(
      [key, type, ...tiers, meaning],
      Object.entries(runtime).map(([name, shape]) => {
        const profile = tiers.map((_, tier) => String(shape.tuned?.[tier]));
        return [code(name), typeOf(shape, language)].concat(profile, meaningOf(shape, language));
      }),
    ),
  ].join('\n\n');
}

/**
 * Returns one row per key; keys of list entries follow as `key[].inner`, those of maps as `key.inner`. `runtime` is one row. Of
 * a free map only the keys that the top level lacks follow, as `key.NAME.inner`.
 */
function rowsOf(shape: Shape, prefix: string, language: Language): string[][] {
  const rows: string[][] = [];
  for (const [key, value] of Object.entries(shape.properties ?? {})) {
    const name = `${prefix}${key}`;
    const fallback = fallbackOf(value, shape.required?.includes(key) ?? false, language);
    rows.push([code(name), typeOf(value, language), fallback, meaningOf(value, language)]);
    if (value.properties !== undefined && key !== 'runtime') rows.push(...rowsOf(value, `${name}.`, language));
    const free = freeValue(value);
    if (free !== undefined) rows.push(...rowsOf(ownOf(free), `${name}.NAME.`, language));
    if (value.items !== undefined) rows.push(...rowsOf(value.items, `${name}[].`, language));
  }
  return rows;
}

/** The keys that the top level lacks. */
function ownOf(shape: Shape): Shape {
  const own = Object.entries(shape.properties ?? {}).filter(([key]) => !Object.hasOwn(ROOT.properties ?? {}, key));
  return { properties: Object.fromEntries(own) };
}

function typeOf(shape: Shape, language: Language): string {
  if (shape.typeText !== undefined) return shape.typeText[language];
  if (shape.enum !== undefined) return shape.enum.map((value) => code(String(value))).join(', ');
  if (shape.type === 'boolean') return [false, true].map((value) => code(String(value))).join(', ');
  if (shape.type === 'integer') return `${shape.minimum ?? ''}–${shape.maximum ?? ''}`;
  if (shape.type === 'array') return `${TEXTS[language].list} (${shape.minItems ?? 0}–${shape.maxItems ?? ''})`;
  if (freeValue(shape) !== undefined) {
    return `${TEXTS[language].map} (${shape.minProperties ?? 0}–${shape.maxProperties ?? ''})`;
  }
  if (shape.type === 'object') return TEXTS[language].map;
  return shape.type === 'string' ? TEXTS[language].text : TEXTS[language].any;
}

function fallbackOf(shape: Shape, isRequired: boolean, language: Language): string {
  if (isRequired) return TEXTS[language].required;
  if (shape.defaultText !== undefined) return shape.defaultText[language];
  const fallback = shape.default;
  return ['string', 'number', 'boolean'].includes(typeof fallback) ? code(String(fallback)) : TEXTS[language].none;
}

function meaningOf(shape: Shape, language: Language): string {
  return (language === 'ko' ? shape.ko : shape.description) ?? '';
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(titles), line(titles.map(() => '---')), ...rows.map(line)].join('\n');
}
