import v8 from 'node:v8';

// Listings and small objects make much garbage that dies at once. V8 would answer with a young generation of up to 100 MB; left at its
// first size it would be swept so often that it takes a fifth of a run. It grows to this size and stays there, so that the peak is flat.
const ENOUGH = 16 * 1024 ** 2;
const LOOK_MS = 50;

const timer = setInterval(() => {
  const young = v8.getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
  if (young === undefined || young.space_size < ENOUGH) return;
  v8.setFlagsFromString('--semi-space-growth-factor=1');
  clearInterval(timer);
}, LOOK_MS);
timer.unref();
