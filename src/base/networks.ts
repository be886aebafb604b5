import { BlockList, isIP } from 'node:net';

/** The families of `isIP`, as `BlockList` names them. */
const FAMILIES = { 4: 'ipv4', 6: 'ipv6' } as const;

const LOOPBACK = ['127.0.0.0/8', '::1/128'];

/** Whether this is a network in CIDR notation (RFC 4632, 3.1; RFC 4291, 2.3). */
export function isNetwork(text: string): boolean {
  return parsed(text) !== undefined;
}

/** Whether an address lies in one of some networks. An IPv4 address in an IPv6 one (`::ffff:192.0.2.1`) counts as the former. */
export function liesIn(address: string, networks: readonly string[]): boolean {
  const family = familyOf(address);
  if (family === undefined) return false;
  const list = new BlockList();
  for (const network of networks) {
    const { base, bits, of } = parsed(network) ?? {};
    if (base !== undefined && bits !== undefined && of !== undefined) list.addSubnet(base, bits, of);
  }
  return list.check(address, family);
}

/** RFC 1122, 3.2.1.3 (g) and RFC 4291, 2.5.3. */
export function isLoopback(address: string): boolean {
  return liesIn(address, LOOPBACK);
}

/** A host of a URL or a request in the one form in which hosts are compared: lower case, no dot at the end, no brackets. */
export function plainHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

function parsed(text: string) {
  const [base = '', bits = '', ...more] = text.split('/');
  const of = familyOf(base);
  if (of === undefined || more.length > 0 || !/^\d{1,3}$/.test(bits)) return undefined;
  return Number(bits) > (of === 'ipv4' ? 32 : 128) ? undefined : { base, bits: Number(bits), of };
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const family = isIP(address);
  return family === 4 || family === 6 ? FAMILIES[family] : undefined;
}
