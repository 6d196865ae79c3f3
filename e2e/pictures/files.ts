/** Paths of the pictures in the READMEs. */
export const PICTURES = { top: 'sample/pictures/top.svg', page: 'sample/pictures/page.png' } as const;
