/** @file No text of a sweep becomes markup. */
import { expect, test } from 'vitest';
import { fragment, scriptJson, trusted } from './markup.js';

test('values are escaped, markup and lists of it are not escaped twice', () => {
  const items = ['<b>', 'a & b'].map((item) => fragment`<li title="${item}">${item}</li>`);
  const list = fragment`<ul>${items}${undefined}${false}${0}</ul>${trusted('<br>')}`;
  expect(list.markup).toBe(
    '<ul><li title="&lt;b&gt;">&lt;b&gt;</li><li title="a &amp; b">a &amp; b</li>0</ul><br>',
  );
});

test('JSON in a script element cannot end it', () => {
  const { markup } = scriptJson({ title: '</script><script>alert(1)</script>' });
  expect(markup).not.toContain('</script>');
  expect(JSON.parse(markup)).toEqual({ title: '</script><script>alert(1)</script>' });
});
