import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatBytes,
  formatDuration,
  parseBandwidth,
  parseDuration,
  parseRequestRate,
  parseSize,
} from '../../src/plan/units.ts';

const durationUnits = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

describe('durations', () => {
  test.each([
    ['0s', 0],
    ['90s', 90_000],
    ['15m', 900_000],
    ['12h', 43_200_000],
    ['30d', 2_592_000_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['', '30', 's', '1.5h', '-1s', '30 d', '30D', '30days', '1h30m', ' 30d', '30d\n', '99999999999999d'])(
    '%j is none',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  test('any whole number of a unit is that many milliseconds', () => {
    const unit = fc.constantFrom(...(Object.keys(durationUnits) as (keyof typeof durationUnits)[]));
    fc.assert(
      fc.property(fc.nat(1_000_000), unit, (n, name) => parseDuration(`${n}${name}`) === n * durationUnits[name]),
    );
  });

  test('what one unit can say is read back as it was', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), (n) => parseDuration(formatDuration(n * durationUnits.d)) === n * durationUnits.d),
    );
  });

  test.each([
    [0, '0s'],
    [850, '850ms'],
    [999.7, '1s'],
    [12_000, '12s'],
    [59_600, '1m'],
    [245_000, '4m 5s'],
    [12_000_000, '3h 20m'],
    [86_399_999, '1d'],
    [100_800_000, '1d 4h'],
    [2_592_000_000, '30d'],
  ])('%d ms are shown as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test('what is shown is off by at most half of its smaller unit', () => {
    fc.assert(
      fc.property(fc.nat(10_000_000_000), (ms) => {
        const parts = formatDuration(ms).split(' ');
        const total = parts.reduce(
          (sum, part) => sum + (part.endsWith('ms') ? Number.parseInt(part, 10) : (parseDuration(part) ?? Number.NaN)),
          0,
        );
        const half = ms < 59_500 ? 500 : ms < 3_599_500 ? 500 : ms < 86_370_000 ? 30_000 : 1_800_000;
        return Math.abs(total - ms) <= half;
      }),
    );
  });
});

describe('sizes and rates', () => {
  test.each([
    ['10', 10],
    ['64KiB', 65_536],
    ['200MiB', 209_715_200],
    ['1GB', 1_000_000_000],
    ['1kB', 1_000],
    ['7B', 7],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(['', 'KiB', '1.5GiB', '-1', '1 GB', '1gb', '1Kib', '1Mbit', '9PiB9', '99999999PiB', '0x10', '1e3'])(
    '%j is none',
    (text) => {
      expect(parseSize(text)).toBeUndefined();
    },
  );

  test('rates need their /s', () => {
    expect(parseBandwidth('200MiB/s')).toBe(209_715_200);
    expect(parseBandwidth('200MiB')).toBeUndefined();
    expect(parseRequestRate('1000/s')).toBe(1000);
    expect(parseRequestRate('1000')).toBeUndefined();
    expect(parseRequestRate('1000/m')).toBeUndefined();
  });

  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [1024 * 1024 - 1, '1 MiB'],
    [209_715_200, '200 MiB'],
  ])('%d bytes are shown as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test('whole units are read back as they were', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1023 }), fc.constantFrom(...binaryUnits.slice(0, 5)), (n, unit) => {
        const bytes = parseSize(`${n}${unit}`) ?? -1;
        return parseSize(formatBytes(bytes).replace(' ', '')) === bytes;
      }),
    );
  });

  test('what is shown is off by at most half of its last digit', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (bytes) => {
        const [number = '', unit = ''] = formatBytes(bytes).split(' ');
        const scale = 1024 ** binaryUnits.indexOf(unit as (typeof binaryUnits)[number]);
        return Math.abs(Number(number) * scale - bytes) <= 0.0501 * scale;
      }),
    );
  });
});
