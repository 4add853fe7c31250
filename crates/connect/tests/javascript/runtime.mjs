import fs, { readFileSync as read } from 'fs';
import process2 from 'node:process';
import { inspect, format } from 'node:util';
import { Buffer as B } from 'node:buffer';
console.log(fs.readFileSync(0).length === 0 || true, process2 === process, typeof read);
console.log(inspect({ a: { b: { c: { d: 1 } } } }, { depth: 0 }), format('%s=%d', 'a', 1));
console.log(B.from('héllo').toString('base64'), B.from('aGk=', 'base64').toString(), B.from('6869', 'hex').toString('latin1'));
console.log(btoa('hello'), atob('aGVsbG8='));
console.log(new TextEncoder().encode('é€😀'), new TextDecoder().decode(new Uint8Array([226, 130, 172])));
const copy = structuredClone({ a: new Date(5), m: new Map([[1, { x: 1 }]]), s: new Set([1]) });
console.log(copy);
const order = [];
setTimeout(() => order.push('t2'), 4);
setTimeout(() => order.push('t1'), 1);
const cancelled = setTimeout(() => order.push('never'), 1);
clearTimeout(cancelled);
queueMicrotask(() => order.push('micro'));
order.push('sync');
await new Promise((resolve) => setTimeout(resolve, 20));
console.log(order);
let ticks = 0;
await new Promise((resolve) => { const id = setInterval(() => { if (++ticks === 3) { clearInterval(id); resolve(); } }, 1); });
console.log(ticks);
async function* count() { yield 1; yield 2; }
for await (const n of count()) console.log('n', n);
console.log([3, 1, 2].toSorted(), [1, 2, 3].at(-1), 'a-b'.replaceAll('-', '+'));
console.group('outer'); console.log('inner\ntext'); console.groupEnd(); console.log('after');
console.count(); console.count('x'); console.count();
console.dir({ a: { b: { c: { d: 1 } } } }, { depth: 4 });
console.log(await Promise.allSettled([Promise.resolve(1), Promise.reject('no')]));
const { default: util } = await import('node:util');
console.log(typeof util.inspect);
console.log(process.argv.length, process.env.foo, process.stdin.fd);
label: for (const a of [1, 2]) { for (const b of [1, 2]) { if (b === 2) continue label; console.log(a, b); } }
console.log(1_000, 2 ** 10, 0.1 + 0.2, 1e21, 1 / 3, (25).toString(36), parseInt('0x1f'));
console.log('ünï'.normalize('NFD').length, 'İ'.toLowerCase().length, [...'👍🏽'].length);
console.log(new Intl_() ?? '');
function Intl_() { return { toString: () => 'obj' }; }
