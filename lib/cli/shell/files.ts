// The generated files in share/: completions and the man page, from the table of commands. `npm run docs` writes them.
import { bashCompletion } from './bash.ts';
import { fishCompletion } from './fish.ts';
import { manPage } from './man-page.ts';
import { zshCompletion } from './zsh.ts';

/** Maps the path below share/, here and in an installation, to the contents. */
export function sharedFiles(): Readonly<Record<string, string>> {
  return {
    'man/man1/bal.1': manPage(),
    'bash-completion/completions/bal': bashCompletion(),
    'zsh/site-functions/_bal': zshCompletion(),
    'fish/vendor_completions.d/bal.fish': fishCompletion(),
  };
}
