// What the services say: services.ts does, route.ts has it heard.

export type ServicesEvent =
  /** Workers are to be told. */
  | { readonly kind: 'endpoints_changed' }
  /** And its connections are not to go on. */
  | { readonly kind: 'backend_down'; readonly service: string; readonly address: string }
  /** Something that this name leads to refuses clients, or has gone down. */
  | { readonly kind: 'name_in_doubt'; readonly name: string };
