import { html, type Markup, type Part } from './html.ts';

export interface Column {
  readonly name: string;
  /** Numbers stand to the right. */
  readonly number?: boolean;
  /** `key`, `nowrap` or `wide-text`. */
  readonly look?: string;
}

/** A table; its first cells name their rows. A table that is wider than a page can be moved, also with the keyboard. */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly Part[])[],
  foot?: readonly Part[],
): Markup {
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table><caption>${caption}</caption>
<thead><tr>${columns.map((column) => html`<th scope="col" class="${lookOf(column)}">${column.name}</th>`)}</tr></thead>
<tbody>${rows.map((cells) => row(columns, cells))}</tbody>${foot && html`<tfoot>${row(columns, foot)}</tfoot>`}</table></div>
`;
}

function row(columns: readonly Column[], cells: readonly Part[]): Markup {
  return html`<tr>${cells.map((cell, index) => {
    const look = lookOf(columns[index]);
    return index === 0 ? html`<th scope="row" class="${look}">${cell}</th>` : html`<td class="${look}">${cell}</td>`;
  })}</tr>
`;
}

function lookOf(column: Column | undefined): string {
  return [column?.number === true ? 'n' : '', column?.look ?? ''].filter(Boolean).join(' ');
}
