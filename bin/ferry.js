#!/usr/bin/env node
// Says what is wrong on a Node too old for the rest; so this file uses nothing that a current Node has brought.
const OLDEST = 24;
const { node } = process.versions;

if (Number(node.split('.')[0]) < OLDEST) {
  process.stderr.write(`ferry needs Node ${OLDEST} or newer; this is Node ${node} (${process.execPath})\n`);
  process.exitCode = 2;
} else {
  await import('./start.js');
}
