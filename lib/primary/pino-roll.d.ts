// pino-roll ships no types; this is the part that log-file.ts uses.
declare module 'pino-roll' {
  interface Options {
    readonly file: string;
    readonly extension: string;
    readonly size: string;
    readonly frequency: 'daily' | 'hourly' | number;
    readonly dateFormat: string;
    readonly mkdir: boolean;
    readonly mode: number;
    readonly limit: { readonly count: number; readonly removeOtherLogFiles: boolean };
    readonly maxLength: number;
    /** Of sonic-boom, to which it is handed on. */
    readonly contentMode: 'buffer';
  }
  export default function roll(options: Options): Promise<unknown>;
}
