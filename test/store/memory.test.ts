import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { conformance } from './conformance.ts';

conformance('memory', {
  make: async () => new MemoryStore({ name: 'm' }),
  keys: [
    'a',
    'a/b',
    'a//b',
    '/lead',
    'trail/',
    '.',
    '../up',
    'nul\0',
    'é',
    'e\u0301',
    '\u{1F600}',
    '\n',
    ' ',
    '+',
    '%2F',
  ],
  refused: ['', '\uD800'],
  keeps: true,
  attributes: true,
});
