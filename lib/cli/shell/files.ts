// The files in share/ that are generated from the table of commands: for the shells and for man. `npm run docs` writes them.
import { bashCompletion } from './bash.ts';
import { fishCompletion } from './fish.ts';
import { manPage } from './man-page.ts';
import { zshCompletion } from './zsh.ts';

/** Where each lies below share/, here and below the prefix of an installation, and what it holds. */
export function sharedFiles(): Readonly<Record<string, string>> {
  return {
    'man/man1/bal.1': manPage(),
    'bash-completion/completions/bal': bashCompletion(),
    'zsh/site-functions/_bal': zshCompletion(),
    'fish/vendor_completions.d/bal.fish': fishCompletion(),
  };
}
