/** Where one key of one legacy store goes. Indexes are into the plan's `partitions` and `exclude`. */
export type Route =
  | { readonly to: 'partition'; readonly index: number }
  | { readonly to: 'excluded'; readonly index: number }
  | { readonly to: 'unassigned' };
