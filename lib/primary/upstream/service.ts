// The events that services.ts emits and route.ts dispatches.

export type ServicesEvent =
  /** Workers need a new snapshot. */
  | { readonly kind: 'endpoints_changed' }
  /** Its open connections should be cut. */
  | { readonly kind: 'backend_down'; readonly service: string; readonly address: string }
  /** A backend that this name resolves to refuses clients, or has gone down. */
  | { readonly kind: 'name_in_doubt'; readonly name: string };
