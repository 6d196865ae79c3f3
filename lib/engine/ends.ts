// Both ends of a client's connection, as the PROXY protocol names them.

/** One end of a client's connection. */
export interface End {
  /** Sixteen bytes, IPv4 mapped to IPv6. */
  readonly ip: Uint8Array;
  readonly port: number;
}

/** Null: an end without an address (of a Unix socket), or one that is not known. */
export interface Ends {
  readonly client: End | null;
  readonly local: End | null;
}
