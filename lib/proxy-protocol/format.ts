// Constants of the PROXY protocol, version 2.

import { Buffer } from 'node:buffer';

export type Version = 'v1' | 'v2';

/** No protocol in use begins with it. */
export const SIGNATURE: Uint8Array = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** Version and command. */
export const COMMAND_LOCAL = 0x20;
export const COMMAND_PROXY = 0x21;

/** Family and transport. */
export const UNSPECIFIED = 0x00;
export const TCP4 = 0x11;
export const TCP6 = 0x21;

/** Types of the TLVs after the addresses: type, length in two bytes, value. */
export const AUTHORITY = 0x02;
export const CRC32C = 0x03;
export const UNIQUE_ID = 0x05;
