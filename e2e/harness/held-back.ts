// Delays name resolution in a process until the test allows it: an --import for NODE_OPTIONS.

/** Returns an --import that resolves names only once the file exists. */
export function heldBack(file: string): string {
  const code = `
    import { existsSync } from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    import dns from 'node:dns/promises';
    const { lookup } = dns;
    dns.lookup = async (...name) => {
      while (!existsSync(${JSON.stringify(file)})) await new Promise((resolve) => setTimeout(resolve, 10));
      return lookup(...name);
    };
    syncBuiltinESMExports();`;
  return `--import=data:text/javascript,${encodeURIComponent(code)}`;
}
