// How console.log shows values: the notation Node.js users know.
(function (host, node) {
  'use strict';
  const DEPTH = 2, LINE = 80, NESTED_ON_ONE_LINE = 3, ITEMS_MAX = 100, GROUPED_FROM = 7, COLUMNS_MAX = 15;
  const plainKey = /^[A-Za-z_][A-Za-z_0-9]*$/;

  const quote = (text) => {
    const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes('`') && !text.includes('${') ? '`' : "'";
    const escapes = { '\n': '\\n', '\t': '\\t', '\r': '\\r', '\b': '\\b', '\f': '\\f', '\v': '\\v', '\\': '\\\\' };
    const body = [...text].map((c) => {
      if (c === mark && mark === "'") return "\\'";
      if (escapes[c]) return escapes[c];
      const code = c.codePointAt(0);
      return code < 32 || code === 127 ? '\\x' + code.toString(16).toUpperCase().padStart(2, '0') : c;
    });
    return mark + body.join('') + mark;
  };

  const primitive = (value) => {
    switch (typeof value) {
      case 'string': return quote(value);
      case 'number': return Object.is(value, -0) ? '-0' : String(value);
      case 'bigint': return value + 'n';
      default: return String(value);
    }
  };

  const className = (value) => {
    for (let proto = value; proto !== null; proto = Object.getPrototypeOf(proto)) {
      const own = Object.getOwnPropertyDescriptor(proto, 'constructor');
      if (own && typeof own.value === 'function' && own.value.name !== '') return own.value.name;
    }
    return null;
  };

  const functionBase = (value) => {
    const source = Function.prototype.toString.call(value);
    if (source.startsWith('class')) {
      const parent = Object.getPrototypeOf(value);
      const named = value.name === '' ? '(anonymous)' : value.name;
      return `[class ${named}${parent && parent.name ? ` extends ${parent.name}` : ''}]`;
    }
    const kind = Object.prototype.toString.call(value).slice(8, -1);
    return value.name === '' ? `[${kind} (anonymous)]` : `[${kind}: ${value.name}]`;
  };

  const errorText = (error) => {
    const name = error.name ?? 'Error';
    const head = error.message ? `${name}: ${error.message}` : `${name}`;
    const frames = String(error.stack ?? '').trimEnd();
    return frames ? `${head}\n${frames}` : head;
  };

  // Numbers and short words of a long array stand in aligned columns.
  const inColumns = (cx, output, value) => {
    const hasMore = value.length > ITEMS_MAX;
    const cells = hasMore ? output.slice(0, -1) : output;
    const widths = cells.map((cell) => cell.length + 2);
    const widest = Math.max(...widths);
    const total = widths.reduce((sum, width) => sum + width, 0);
    if (widest * 3 + cx.indentation >= LINE || !(total / widest > 5 || widest <= 8)) return output;
    const biased = Math.max(widest - 3 - Math.sqrt(widest - total / cells.length), 1);
    const columns = Math.min(
      Math.round(Math.sqrt(2.5 * biased * cells.length) / biased),
      Math.floor((LINE - cx.indentation) / widest),
      NESTED_ON_ONE_LINE * 4,
      COLUMNS_MAX,
    );
    if (columns <= 1) return output;
    const columnWidths = [];
    for (let column = 0; column < columns; column++) {
      let width = 0;
      for (let at = column; at < cells.length; at += columns) width = Math.max(width, widths[at]);
      columnWidths.push(width);
    }
    const numeric = value.slice(0, ITEMS_MAX).every((item) => typeof item === 'number' || typeof item === 'bigint');
    const rows = [];
    for (let start = 0; start < cells.length; start += columns) {
      const end = Math.min(start + columns, cells.length);
      let row = '';
      for (let at = start; at < end; at++) {
        const last = at === end - 1;
        const cell = last ? cells[at] : `${cells[at]}, `;
        const width = columnWidths[at - start];
        row += numeric ? cell.padStart(last ? width - 2 : width) : last ? cell : cell.padEnd(width);
      }
      rows.push(row);
    }
    return hasMore ? [...rows, output.at(-1)] : rows;
  };

  const join = (cx, output, prefix, open, close, level, list) => {
    const ungrouped = output.length;
    if (list && output.length >= GROUPED_FROM) output = inColumns(cx, output, list);
    if (cx.deepest - level < NESTED_ON_ONE_LINE && output.length === ungrouped) {
      const start = output.length + cx.indentation + open.length + prefix.length + 10;
      const length = output.reduce((sum, part) => sum + part.length, output.length + start);
      if (length <= LINE && !output.some((part) => part.includes('\n'))) {
        return `${prefix ? `${prefix} ` : ''}${open} ${output.join(', ')} ${close}`;
      }
    }
    const indent = `\n${' '.repeat(cx.indentation)}`;
    return `${prefix ? `${prefix} ` : ''}${open}${indent}  ${output.join(`,${indent}  `)}${indent}${close}`;
  };

  const property = (cx, object, key, level) => {
    const own = Object.getOwnPropertyDescriptor(object, key);
    const name = typeof key === 'symbol' ? `[${String(key)}]` : plainKey.test(key) ? key : quote(key);
    if (own.get) return `${name}: ${own.set ? '[Getter/Setter]' : '[Getter]'}`;
    if (own.set) return `${name}: [Setter]`;
    return `${name}: ${indented(cx, own.value, level)}`;
  };

  const indented = (cx, value, level) => {
    cx.indentation += 2;
    const text = show(cx, value, level);
    cx.indentation -= 2;
    return text;
  };

  const listItems = (cx, array, level) => {
    const output = [];
    let at = 0;
    for (; at < array.length && output.length < ITEMS_MAX; at++) {
      if (at in array) {
        output.push(indented(cx, array[at], level));
        continue;
      }
      const start = at;
      while (at + 1 < array.length && !(at + 1 in array)) at++;
      const holes = at - start + 1;
      output.push(`<${holes} empty item${holes > 1 ? 's' : ''}>`);
    }
    const rest = array.length - at;
    if (rest > 0) output.push(`... ${rest} more item${rest > 1 ? 's' : ''}`);
    return output;
  };

  const parts = (cx, value, name, level) => {
    const shown = { prefix: '', open: '{', close: '}', output: [], list: null, bare: null };
    const tagged = (usual, size) => (size === undefined ? name ?? usual : `${name ?? usual}(${size})`);
    if (Array.isArray(value)) {
      Object.assign(shown, { prefix: name === 'Array' ? '' : tagged('Array', value.length), open: '[', close: ']', list: value });
      shown.output = listItems(cx, value, level);
    } else if (node.Buffer && value instanceof node.Buffer) {
      const bytes = [...value.subarray(0, 50)].map((byte) => byte.toString(16).padStart(2, '0'));
      const rest = value.length - bytes.length;
      shown.bare = `<Buffer${bytes.length ? ' ' : ''}${bytes.join(' ')}${rest > 0 ? ` ... ${rest} more byte${rest > 1 ? 's' : ''}` : ''}>`;
    } else if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
      Object.assign(shown, { prefix: tagged('Uint8Array', value.length), open: '[', close: ']', list: Array.from(value) });
      shown.output = listItems(cx, shown.list, level);
    } else if (value instanceof Set) {
      shown.prefix = tagged('Set', value.size);
      shown.output = [...value].map((item) => indented(cx, item, level));
    } else if (value instanceof Map) {
      shown.prefix = tagged('Map', value.size);
      shown.output = [...value].map(([key, item]) => `${indented(cx, key, level)} => ${indented(cx, item, level)}`);
    } else if (typeof value === 'function') {
      shown.bare = functionBase(value);
    } else if (value instanceof Error) {
      const text = errorText(value);
      shown.bare = text.includes('\n') ? text : `[${text}]`;
    } else if (value instanceof Date) {
      shown.bare = Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    } else if (value instanceof RegExp) {
      shown.bare = String(value);
    } else if (value instanceof Promise) {
      shown.prefix = 'Promise';
      const [state, result] = host.promiseState(value);
      shown.output = [state === 'pending' ? '<pending>' : (state === 'rejected' ? '<rejected> ' : '') + indented(cx, result, level)];
    } else if (value instanceof WeakSet || value instanceof WeakMap) {
      shown.prefix = tagged('WeakMap');
      shown.output = ['<items unknown>'];
    } else if (value instanceof Number || value instanceof String || value instanceof Boolean) {
      shown.bare = `[${tagged('Object')}: ${primitive(value.valueOf())}]`;
    } else if (name === null) {
      shown.prefix = '[Object: null prototype]';
    } else if (name !== 'Object') {
      shown.prefix = name;
    }
    const tag = value[Symbol.toStringTag];
    if (typeof tag === 'string' && tag !== '' && tag !== name && shown.bare === null && shown.list === null) {
      shown.prefix = `${shown.prefix || 'Object'} [${tag}]`;
    }
    return shown;
  };

  const ownKeys = (value, list) => {
    const names = Object.keys(value).filter((key) => !(list && /^(0|[1-9][0-9]*)$/.test(key)));
    const boxed = value instanceof String;
    const symbols = Object.getOwnPropertySymbols(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
    return [...(boxed ? names.filter((key) => !/^[0-9]+$/.test(key)) : names), ...symbols];
  };

  const hasContent = (value) => {
    if (typeof value === 'function' || value instanceof Error || value instanceof Date || value instanceof RegExp) return false;
    if (Array.isArray(value) || ArrayBuffer.isView(value)) return value.length > 0;
    if (value instanceof Map || value instanceof Set) return value.size > 0;
    return value instanceof Promise || ownKeys(value, null).length > 0;
  };

  const show = (cx, value, level) => {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return primitive(value);
    if (cx.path.includes(value)) {
      if (!cx.circular.includes(value)) cx.circular.push(value);
      return `[Circular *${cx.circular.indexOf(value) + 1}]`;
    }
    const custom = value[node.customInspect];
    if (typeof custom === 'function') {
      const text = custom.call(value, cx.depth - level, {}, node.inspect);
      return typeof text === 'string' ? text : show(cx, text, level);
    }
    const name = className(value);
    if (level > cx.depth && hasContent(value)) return `[${Array.isArray(value) ? 'Array' : name ?? 'Object: null prototype'}]`;
    cx.path.push(value);
    if (hasContent(value)) cx.deepest = level;
    const shown = parts(cx, value, name, level + 1);
    const keys = shown.bare !== null && node.Buffer && value instanceof node.Buffer ? [] : ownKeys(value, shown.list);
    for (const key of keys) shown.output.push(property(cx, value, key, level + 1));
    cx.path.pop();
    const reference = cx.circular.includes(value) ? `<ref *${cx.circular.indexOf(value) + 1}> ` : '';
    if (shown.output.length === 0) {
      return reference + (shown.bare ?? `${shown.prefix ? `${shown.prefix} ` : ''}${shown.open}${shown.close}`);
    }
    const prefix = (reference + (shown.bare ?? shown.prefix)).trimEnd();
    const list = shown.list && keys.length === 0 ? shown.list : null;
    return join(cx, shown.output, prefix, shown.open, shown.close, level, list);
  };

  node.customInspect = Symbol.for('nodejs.util.inspect.custom');
  node.errorText = errorText;
  node.inspect = (value, options) => {
    const depth = options?.depth === undefined ? DEPTH : options.depth ?? Infinity;
    return show({ depth, indentation: 0, deepest: 0, path: [], circular: [] }, value, 0);
  };

  const number = (value, convert) => (typeof value === 'symbol' ? 'NaN' : typeof value === 'bigint' ? `${value}n` : primitive(convert(value)));
  const directives = {
    s: (value) => {
      if (typeof value === 'string') return value;
      if (value !== null && typeof value === 'object') {
        const own = value instanceof Error || Object.hasOwn(value, 'toString');
        return own ? String(value) : node.inspect(value, { depth: 0 });
      }
      return typeof value === 'function' ? String(value) : primitive(value);
    },
    d: (value) => (typeof value === 'object' && value !== null ? 'NaN' : number(value, Number)),
    i: (value) => (typeof value === 'object' && value !== null ? 'NaN' : number(value, (given) => parseInt(given, 10))),
    f: (value) => number(value, parseFloat),
    j: (value) => JSON.stringify(value) ?? 'undefined',
    o: (value) => node.inspect(value, { depth: 4 }),
    O: (value) => node.inspect(value),
    c: () => '',
  };
  node.format = (...values) => {
    let rest = values;
    let text = '';
    if (typeof values[0] === 'string') {
      let at = 1;
      text = values[0];
      if (values.length > 1) {
        text = text.replace(/%([sdifjoOc%])/g, (match, kind) => {
          if (kind === '%') return '%';
          return at < values.length ? directives[kind](values[at++]) : match;
        });
      }
      rest = values.slice(at);
      if (rest.length > 0) text += ' ';
    }
    return text + rest.map((value) => (typeof value === 'string' ? value : node.inspect(value))).join(' ');
  };
})
