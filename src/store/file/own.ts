/** Folders of ferry's own at a store's root: no object may lie in them and no listing shows them. */
export const SCRATCH = '.ferry-tmp';
export const HELD = '.ferry-held';
