// The engines that can run here, by name.

import { createJsEngine } from '../js.ts';
import { loadNativeEngine } from '../native.ts';
import type { NativeLoad } from '../native.ts';

export function engineNamed(name: 'js' | 'native'): NativeLoad {
  return name === 'js' ? { ok: true, create: createJsEngine } : loadNativeEngine();
}
