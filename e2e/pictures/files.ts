/** Where the pictures of the READMEs are. */
export const PICTURES = { top: 'sample/pictures/top.svg', page: 'sample/pictures/page.png' } as const;
