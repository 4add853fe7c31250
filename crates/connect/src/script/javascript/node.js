// The part of Node.js that short scripts use: process, console, timers, text, and reading standard input.
(function (host, node) {
  'use strict';
  const encodeUtf8 = (text) => Uint8Array.from(host.encodeUtf8(String(text)));
  const decodeUtf8 = (bytes) => host.decodeUtf8(Array.from(bytes));
  const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

  const toBase64 = (bytes) => {
    let text = '';
    for (let at = 0; at < bytes.length; at += 3) {
      const [a, b, c] = [bytes[at], bytes[at + 1], bytes[at + 2]];
      text += BASE64[a >> 2] + BASE64[((a & 3) << 4) | ((b ?? 0) >> 4)];
      text += b === undefined ? '==' : BASE64[((b & 15) << 2) | ((c ?? 0) >> 6)] + (c === undefined ? '=' : BASE64[c & 63]);
    }
    return text;
  };
  const fromBase64 = (text) => {
    const bytes = [];
    let bits = 0, held = 0;
    for (const c of text.replace(/-/g, '+').replace(/_/g, '/')) {
      const six = BASE64.indexOf(c);
      if (six < 0) continue;
      held = (held << 6) | six;
      bits += 6;
      if (bits >= 8) bytes.push((held >> (bits -= 8)) & 255);
      held &= 0xffff;
    }
    return bytes;
  };

  class TextEncoder {
    get encoding() { return 'utf-8'; }
    encode(text = '') { return encodeUtf8(text); }
  }
  class TextDecoder {
    constructor(label = 'utf-8') {
      if (!/^utf-?8$/i.test(label)) throw new RangeError(`The "${label}" encoding is not supported`);
    }
    get encoding() { return 'utf-8'; }
    decode(bytes = new Uint8Array()) {
      const view = ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes);
      return decodeUtf8(view).replace(/^\ufeff/, '');
    }
  }

  class Buffer extends Uint8Array {
    static from(value, encoding = 'utf8') {
      const copy = (bytes) => { const buffer = new Buffer(bytes.length); buffer.set(bytes); return buffer; };
      if (typeof value !== 'string') return copy(value instanceof ArrayBuffer ? new Uint8Array(value) : Array.from(value));
      switch (encoding.toLowerCase()) {
        case 'utf8': case 'utf-8': return copy(encodeUtf8(value));
        case 'base64': case 'base64url': return copy(fromBase64(value));
        case 'hex': return copy((value.match(/[0-9a-f]{2}/gi) ?? []).map((pair) => parseInt(pair, 16)));
        case 'latin1': case 'binary': case 'ascii': return copy([...value].map((c) => c.charCodeAt(0) & 255));
        default: throw new TypeError(`Unknown encoding: ${encoding}`);
      }
    }
    static alloc(size, fill = 0) { return new Buffer(size).fill(fill); }
    static isBuffer(value) { return value instanceof Buffer; }
    static byteLength(text) { return encodeUtf8(text).length; }
    static concat(list) { return Buffer.from(list.flatMap((part) => Array.from(part))); }
    toString(encoding = 'utf8') {
      switch (encoding.toLowerCase()) {
        case 'utf8': case 'utf-8': return decodeUtf8(this);
        case 'base64': return toBase64(this);
        case 'base64url': return toBase64(this).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
        case 'hex': return Array.from(this, (byte) => byte.toString(16).padStart(2, '0')).join('');
        case 'latin1': case 'binary': case 'ascii': return Array.from(this, (byte) => String.fromCharCode(byte)).join('');
        default: throw new TypeError(`Unknown encoding: ${encoding}`);
      }
    }
    toJSON() { return { type: 'Buffer', data: Array.from(this) }; }
  }
  node.Buffer = Buffer;

  const streamTo = (fd) => ({
    fd,
    isTTY: false,
    write(chunk, encoding, done) {
      host.write(fd, typeof chunk === 'string' ? chunk : decodeUtf8(chunk));
      const callback = typeof encoding === 'function' ? encoding : done;
      if (callback) queueMicrotask(callback);
      return true;
    },
    end(chunk) { if (chunk !== undefined) this.write(chunk); },
    on() { return this; },
    once() { return this; },
  });
  const stdinListeners = { data: [], end: [] };
  const stdin = {
    fd: 0,
    isTTY: false,
    setEncoding() { return this; },
    resume() { return this; },
    on(event, listener) {
      stdinListeners[event]?.push(listener);
      // Both events are known at once: all input is here before the script starts.
      if (event === 'data' && host.stdin !== '') setTimeout(() => listener(host.stdin), 0);
      if (event === 'end' || event === 'close') setTimeout(listener, 0);
      return this;
    },
    once(event, listener) { return this.on(event, listener); },
    async *[Symbol.asyncIterator]() { if (host.stdin !== '') yield host.stdin; },
  };
  const process = {
    argv: ['node', 'script.js', ...host.argv],
    env: { ...host.env },
    stdin,
    stdout: streamTo(1),
    stderr: streamTo(2),
    exitCode: undefined,
    exit(code) { host.exit(Number(code ?? process.exitCode ?? 0) | 0); },
    cwd: () => '/',
    platform: 'linux',
    pid: 1,
    uptime: () => host.now() / 1000,
    nextTick: (callback, ...values) => queueMicrotask(() => callback(...values)),
    hrtime: Object.assign(
      () => { const ms = host.now(); return [Math.floor(ms / 1000), Math.floor((ms % 1000) * 1e6)]; },
      { bigint: () => BigInt(Math.floor(host.now() * 1e6)) },
    ),
    on() { return this; },
  };
  node.process = process;

  let indent = '';
  const counts = new Map(), times = new Map();
  const print = (fd) => (...values) => {
    const text = node.format(...values);
    host.write(fd, (indent ? indent + text.replace(/\n/g, `\n${indent}`) : text) + '\n');
  };
  const [out, err] = [print(1), print(2)];
  const elapsed = (label) => `${label}: ${(host.now() - times.get(label)).toFixed(3)}ms`;
  globalThis.console = {
    log: out, info: out, debug: out, error: err, warn: err,
    trace: (...values) => err('Trace:', ...values),
    dir: (value, options) => out(node.inspect(value, options)),
    table: out,
    assert: (holds, ...values) => { if (!holds) values.length ? err('Assertion failed:', ...values) : err('Assertion failed'); },
    group: (...values) => { if (values.length) out(...values); indent += '  '; },
    groupEnd: () => { indent = indent.slice(2); },
    count: (label = 'default') => { counts.set(label, (counts.get(label) ?? 0) + 1); out(`${label}: ${counts.get(label)}`); },
    countReset: (label = 'default') => { counts.delete(label); },
    time: (label = 'default') => { times.set(label, host.now()); },
    timeLog: (label = 'default') => { if (times.has(label)) out(elapsed(label)); },
    timeEnd: (label = 'default') => { if (times.has(label)) out(elapsed(label)); times.delete(label); },
  };

  const timers = new Map();
  let lastTimer = 0;
  class Timeout {
    constructor(id) { this.id = id; }
    unref() { return this; }
    ref() { return this; }
    [Symbol.toPrimitive]() { return this.id; }
  }
  const schedule = (callback, delay, values, repeat) => {
    const wait = Math.max(1, Number(delay) || 1);
    const id = ++lastTimer;
    timers.set(id, { due: host.now() + wait, run: () => callback(...values), repeat: repeat ? wait : 0 });
    return new Timeout(id);
  };
  const cancel = (timer) => { if (timer !== undefined && timer !== null) timers.delete(Number(timer)); };
  globalThis.setTimeout = (callback, delay, ...values) => schedule(callback, delay, values, false);
  globalThis.setInterval = (callback, delay, ...values) => schedule(callback, delay, values, true);
  globalThis.setImmediate = (callback, ...values) => schedule(callback, 0, values, false);
  globalThis.clearTimeout = globalThis.clearInterval = globalThis.clearImmediate = cancel;
  const next = () => {
    let first = null;
    for (const [id, timer] of timers) if (first === null || timer.due < timers.get(first).due) first = id;
    return first;
  };
  node.untilNextTimer = () => { const id = next(); return id === null ? -1 : Math.max(0, timers.get(id).due - host.now()); };
  node.fireTimer = () => {
    const id = next();
    const timer = timers.get(id);
    if (timer.repeat) timer.due += timer.repeat; else timers.delete(id);
    timer.run();
  };

  const rejected = new Map();
  node.trackRejection = (promise, reason, handled) => { if (handled) rejected.delete(promise); else rejected.set(promise, reason); };
  node.unhandled = () => (rejected.size === 0 ? undefined : { reason: rejected.values().next().value });
  node.uncaughtText = (error) => `Uncaught ${node.inspect(error)}`;

  const readFileSync = (file, options) => {
    if (file !== 0 && file !== '/dev/stdin' && file !== '/dev/fd/0') {
      throw new Error('file access is not available to scripts: only standard input (0 or /dev/stdin) can be read');
    }
    const encoding = typeof options === 'string' ? options : options?.encoding;
    const bytes = Buffer.from(host.stdin);
    return encoding ? bytes.toString(encoding) : bytes;
  };
  const util = {
    inspect: Object.assign(node.inspect, { custom: node.customInspect }), format: node.format, TextEncoder, TextDecoder,
    promisify: (callee) => (...values) => new Promise((resolve, reject) => {
      callee(...values, (error, value) => (error ? reject(error) : resolve(value)));
    }),
  };
  node.modules = { fs: { readFileSync }, process, buffer: { Buffer }, util };
  const require = (name) => {
    const found = node.modules[String(name).replace(/^node:/, '')];
    if (!found) throw new Error(`Cannot find module '${name}': scripts can use ${Object.keys(node.modules).join(', ')}`);
    return found;
  };

  const clone = (value, seen) => {
    if (typeof value === 'function' || typeof value === 'symbol') throw new Error(`${String(value)} could not be cloned.`);
    if (value === null || typeof value !== 'object') return value;
    if (seen.has(value)) return seen.get(value);
    const keep = (copy) => { seen.set(value, copy); return copy; };
    if (value instanceof Date) return keep(new Date(value.getTime()));
    if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
    if (ArrayBuffer.isView(value)) return keep(value.slice());
    if (value instanceof Map) { const copy = keep(new Map()); value.forEach((item, key) => copy.set(clone(key, seen), clone(item, seen))); return copy; }
    if (value instanceof Set) { const copy = keep(new Set()); value.forEach((item) => copy.add(clone(item, seen))); return copy; }
    if (value instanceof Error) { const copy = keep(new value.constructor(value.message)); copy.stack = value.stack; return copy; }
    const copy = keep(Array.isArray(value) ? new Array(value.length) : {});
    for (const key of Object.keys(value)) copy[key] = clone(value[key], seen);
    return copy;
  };

  Object.assign(globalThis, {
    process, Buffer, TextEncoder, TextDecoder, require, global: globalThis,
    structuredClone: (value) => clone(value, new Map()),
    btoa: (text) => toBase64([...String(text)].map((c) => {
      if (c.charCodeAt(0) > 255) throw new Error('Invalid character');
      return c.charCodeAt(0);
    })),
    atob: (text) => fromBase64(String(text)).map((byte) => String.fromCharCode(byte)).join(''),
  });
})
