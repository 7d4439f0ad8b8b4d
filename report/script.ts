/** @file The few lines that run in the reader's browser: sort, filter and open the table of trials. */

/**
 * Stands in the page as it is, so it is plain JavaScript. `#stages` holds every stage once, as
 * [kind, title, key, indices of its inputs]; a trial's row names the index of its evaluation.
 */
export const script = `
const stages = JSON.parse(document.getElementById('stages').textContent);
const table = document.getElementById('trials');
const body = table.tBodies[0];
const rows = [...body.rows];

function chainOf(last) {
  const order = [], seen = new Set();
  const visit = (index) => {
    if (seen.has(index)) return;
    seen.add(index);
    stages[index][3].forEach(visit);
    order.push(index);
  };
  visit(last);
  return order;
}

function element(name, className, text) {
  const node = document.createElement(name);
  node.className = className;
  node.textContent = text;
  return node;
}

function toggle(row) {
  const button = row.querySelector('button.open');
  const isOpen = button.getAttribute('aria-expanded') === 'true';
  button.setAttribute('aria-expanded', String(!isOpen));
  button.textContent = isOpen ? '▸' : '▾';
  if (isOpen) return row.nextElementSibling.remove();
  const chain = document.createElement('tr');
  chain.className = 'chain';
  const cell = chain.insertCell();
  cell.colSpan = row.cells.length;
  if (row.dataset.error) cell.append(element('p', 'failed', row.dataset.error));
  const list = cell.appendChild(document.createElement('ol'));
  for (const index of row.dataset.stage === '' ? [] : chainOf(Number(row.dataset.stage))) {
    const [kind, title, key] = stages[index];
    const item = list.appendChild(document.createElement('li'));
    item.append(element('span', 'kind', kind), element('span', '', title), element('span', 'key', key));
  }
  row.after(chain);
}

body.addEventListener('click', (event) => {
  const key = event.target.closest('.key');
  if (key) {
    const select = () => getSelection().selectAllChildren(key);
    if (!navigator.clipboard) return select();
    navigator.clipboard.writeText(key.title || key.textContent).then(() => key.classList.add('copied'), select);
    return;
  }
  const row = event.target.closest('tr.trial');
  if (row) toggle(row);
});

const query = document.getElementById('query');
const status = document.getElementById('status');
function filter() {
  const words = query.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    const fits = words.every((word) => text.includes(word)) && (status.value === '' || row.dataset.status === status.value);
    row.hidden = !fits;
    if (fits) shown++;
    const next = row.nextElementSibling;
    if (next && next.className === 'chain') next.hidden = !fits;
  }
  document.getElementById('shown').textContent = shown + ' of ' + rows.length + ' trials';
}
query.addEventListener('input', filter);
status.addEventListener('change', filter);

for (const button of table.tHead.querySelectorAll('button')) {
  button.addEventListener('click', () => {
    const head = button.closest('th');
    const direction = head.getAttribute('aria-sort') === 'ascending' ? 'descending' : 'ascending';
    for (const other of table.tHead.querySelectorAll('th')) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', direction);
    const valueOf = (row) => row.cells[head.cellIndex].dataset.value ?? row.cells[head.cellIndex].textContent;
    const sign = direction === 'ascending' ? 1 : -1;
    const compare = (a, b) =>
      a !== '' && b !== '' && !isNaN(a) && !isNaN(b) ? a - b : a.localeCompare(b, 'en', { numeric: true });
    rows.sort((a, b) => sign * compare(valueOf(a), valueOf(b)));
    for (const chain of body.querySelectorAll('tr.chain')) toggle(chain.previousElementSibling);
    body.append(...rows);
  });
}
filter();
`;
