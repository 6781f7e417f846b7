// The report's marrow that can be turned: triangles, tubes and balls in WebGL 2, unpacked when it is opened.
(() => {
  "use strict";
  const box = document.getElementById("turn");
  const canvas = box.querySelector("canvas"), note = box.querySelector(".note");
  const find = (name) => box.querySelector(`[name=${name}]`);
  const said = (text) => { note.textContent = text; note.hidden = !text; };
  let begun = false;

  // ------------------------------------------------------------------ what was packed: a header and its arrays

  async function unpack() {
    const text = document.getElementById("turn-data").textContent;
    const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const bytes = await new Response(stream).arrayBuffer();
    const length = new DataView(bytes).getUint32(0, true);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
    const kinds = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array };
    const array = ([kind, start, count]) => new kinds[kind](bytes, 4 + length + start, count); // counted from the header's end
    return [head, array];
  }

  // ------------------------------------------------------------------ how it is drawn

  const COMMON = `#version 300 es
    precision highp float;
    uniform vec3 low, extent; uniform mat3 turn; uniform vec2 scale, shift; uniform float deep;
    vec3 seen(vec3 q) { return turn * (low + q * extent); }
    vec4 placed(vec3 p) { return vec4((p.xy + shift) * scale, -p.z / deep, 1.0); }`;
  const LIT = `#version 300 es
    precision highp float;
    uniform vec3 colour; uniform float opacity, rim, cut; out vec4 result;
    vec3 lit(vec3 c, vec3 n) {
      float key = max(0.0, dot(n, normalize(vec3(-0.45, 0.6, 0.75)))), fill = max(0.0, dot(n, normalize(vec3(0.7, 0.1, 0.5))));
      return c * (0.42 + 0.52 * key + 0.18 * fill);
    }`;
  const SHADERS = {
    mesh: [`${COMMON}
      in vec3 place, normal; out vec3 n, p;
      void main() { p = seen(place); n = turn * normal; gl_Position = placed(p); }`,
    `${LIT}
      in vec3 n, p;
      void main() {
        if (p.z > cut) discard;
        vec3 m = normalize(n); if (m.z < 0.0) m = -m;
        float edge = 1.0 - m.z;
        result = vec4(lit(colour, m), clamp(opacity + rim * edge * edge, 0.0, 1.0));
      }`],
    tube: [`${COMMON}
      in vec2 corner; in vec3 from, to; in float radius, whole; uniform float size; out vec3 n, p; out float w;
      void main() {
        vec3 a = seen(from), b = seen(to), along = normalize(b - a + vec3(1e-6));
        vec3 u = normalize(cross(along, abs(along.z) < 0.9 ? vec3(0, 0, 1) : vec3(1, 0, 0))), v = cross(along, u);
        n = u * cos(corner.y) + v * sin(corner.y); w = whole;
        p = mix(a, b, corner.x) + radius * size * n; gl_Position = placed(p);
      }`,
    `${LIT}
      in vec3 n, p; in float w; uniform vec3 wasted;
      void main() { if (p.z > cut) discard; result = vec4(lit(mix(wasted, colour, w), normalize(n)), 1.0); }`],
    ball: [`${COMMON}
      in vec3 place; in float radius, state; uniform float size, least, pixels; out vec3 p; out float r, s;
      void main() {
        p = seen(place); r = max(radius * size, least); s = state;
        gl_Position = placed(p); gl_PointSize = 2.0 * r * pixels;
      }`,
    `${LIT}
      in vec3 p; in float r, s; uniform vec3 wasted, other; uniform float deep, cells;
      void main() {
        vec2 q = vec2(2.0, -2.0) * gl_PointCoord + vec2(-1.0, 1.0); float d = dot(q, q);
        if (d > 1.0) discard;
        vec3 n = vec3(q, sqrt(1.0 - d)); float z = p.z + r * n.z;
        if (cells < 0.5 && z > cut) discard;
        vec3 c = cells < 0.5 ? mix(wasted, colour, s) : s < 0.002 ? colour : s < 0.006 ? other : wasted;
        gl_FragDepth = 0.5 - 0.5 * z / deep; result = vec4(lit(c, n), opacity);
      }`],
  };

  function programs(gl) {
    const made = {};
    for (const [name, texts] of Object.entries(SHADERS)) {
      const program = gl.createProgram();
      texts.forEach((text, k) => {
        const shader = gl.createShader(k ? gl.FRAGMENT_SHADER : gl.VERTEX_SHADER);
        gl.shaderSource(shader, text); gl.compileShader(shader);
        if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
        gl.attachShader(program, shader);
      });
      gl.linkProgram(program);
      if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
      made[name] = program;
    }
    return made;
  }

  // Normals of a mesh: the mean of its triangles around each vertex, by their area, in um.
  function normals(place, index, extent) {
    const n = new Float32Array(place.length), p = new Float32Array(place.length);
    for (let i = 0; i < p.length; i++) p[i] = place[i] / 65535 * extent[i % 3];
    for (let t = 0; t < index.length; t += 3) {
      const [a, b, c] = [3 * index[t], 3 * index[t + 1], 3 * index[t + 2]];
      const u = [0, 1, 2].map((k) => p[b + k] - p[a + k]), v = [0, 1, 2].map((k) => p[c + k] - p[a + k]);
      const w = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
      for (const at of [a, b, c]) for (let k = 0; k < 3; k++) n[at + k] += w[k];
    }
    for (let i = 0; i < n.length; i += 3) {
      const size = Math.hypot(n[i], n[i + 1], n[i + 2]) || 1;
      for (let k = 0; k < 3; k++) n[i + k] /= size;
    }
    return n;
  }

  function painter(gl, head, array, coarse) {
    const many = head.vessels.some((each) => each.radius[2] > 15000);
    const made = programs(gl), SIDES = coarse && many ? 4 : many ? 6 : 8;
    const buffer = (data, target = gl.ARRAY_BUFFER) => {
      const name = gl.createBuffer(); gl.bindBuffer(target, name); gl.bufferData(target, data, gl.STATIC_DRAW); return name;
    };
    // An object to draw: attributes (name, buffer, components, type, every: once an instance), and how many.
    const thing = (kind, attributes, index) => {
      const vao = gl.createVertexArray(); gl.bindVertexArray(vao);
      for (const [name, from, components, type, every] of attributes) {
        const at = gl.getAttribLocation(made[kind], name);
        if (at < 0) continue;
        gl.bindBuffer(gl.ARRAY_BUFFER, from); gl.enableVertexAttribArray(at);
        gl.vertexAttribPointer(at, components, type, type !== gl.FLOAT, 0, 0); gl.vertexAttribDivisor(at, every);
      }
      if (index) gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, index);
      gl.bindVertexArray(null);
      return { kind, vao };
    };
    const mesh = (packed) => {
      const place = array(packed.place), index = array(packed.index);
      const found = thing("mesh", [
        ["place", buffer(place), 3, gl.UNSIGNED_SHORT, 0],
        ["normal", buffer(normals(place, index, head.extent)), 3, gl.FLOAT, 0],
      ], buffer(index, gl.ELEMENT_ARRAY_BUFFER));
      return { ...found, count: index.length, type: index.BYTES_PER_ELEMENT === 4 ? gl.UNSIGNED_INT : gl.UNSIGNED_SHORT };
    };
    const corners = new Float32Array(12 * SIDES);
    for (let k = 0; k < SIDES; k++) {
      const [one, two] = [k, k + 1].map((j) => 2 * Math.PI * j / SIDES);
      corners.set([0, one, 1, one, 1, two, 0, one, 1, two, 0, two], 12 * k);
    }
    const ring = buffer(corners);
    const tubes = (packed) => {
      const [from, to, radius, joint, wide] = ["from", "to", "radius", "joint", "wide"].map((name) => buffer(array(packed[name])));
      return packed.whole.map((shares, k) => {
        const [whole, there] = [shares, packed.there[k]].map((name) => buffer(array(name)));
        const short = gl.UNSIGNED_SHORT, byte = gl.UNSIGNED_BYTE;
        const tube = thing("tube", [["corner", ring, 2, gl.FLOAT, 0], ["from", from, 3, short, 1], ["to", to, 3, short, 1],
          ["radius", radius, 1, short, 1], ["whole", whole, 1, byte, 1]]);
        const joints = thing("ball", [["place", joint, 3, short, 0], ["radius", wide, 1, short, 0], ["state", there, 1, byte, 0]]);
        return { tube: { ...tube, count: packed.radius[2] }, joints: { ...joints, count: packed.wide[2] } };
      });
    };
    const balls = (packed) => ({
      ...thing("ball", [["place", buffer(array(packed.place)), 3, gl.UNSIGNED_SHORT, 0],
        ["state", buffer(array(packed.state)), 1, gl.UNSIGNED_BYTE, 0]]),
      count: packed.state[2],
    });

    const scene = {
      bone: head.bone && mesh(head.bone),
      vessels: head.vessels.map((each) => ({ ...each, days: tubes(each) })),
      cells: head.cells.map(balls),
      fields: head.fields.map((each) => each.days.map((packed) => packed.place && mesh(packed))),
    };
    const paint = (each, view, look) => {
      const program = made[each.kind], at = (name) => gl.getUniformLocation(program, name);
      gl.useProgram(program); gl.bindVertexArray(each.vao);
      gl.uniform3fv(at("low"), head.low); gl.uniform3fv(at("extent"), head.extent); gl.uniformMatrix3fv(at("turn"), true, view.turn);
      gl.uniform2fv(at("scale"), view.scale); gl.uniform2fv(at("shift"), view.shift);
      const all = { deep: view.deep, cut: view.cut, size: head.size, pixels: view.pixels, least: 0, cells: 0, opacity: 1, rim: 0 };
      for (const [name, value] of Object.entries({ ...all, ...look.numbers })) gl.uniform1f(at(name), value);
      for (const [name, value] of Object.entries(look.colours)) gl.uniform3fv(at(name), value);
      if (each.kind === "mesh") gl.drawElements(gl.TRIANGLES, each.count, each.type, 0);
      else if (each.kind === "tube") gl.drawArraysInstanced(gl.TRIANGLES, 0, 6 * SIDES, each.count);
      else gl.drawArrays(gl.POINTS, 0, each.count);
    };
    // Translucent: its nearest surface alone, so that what lies behind it is not seen through twice.
    const veil = (each, view, look) => {
      gl.colorMask(false, false, false, false); paint(each, view, look); gl.colorMask(true, true, true, true);
      gl.enable(gl.BLEND); paint(each, view, look); gl.disable(gl.BLEND);
    };
    return (view, shown) => {
      gl.viewport(0, 0, canvas.width, canvas.height); gl.clearColor(1, 1, 1, 1);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.enable(gl.DEPTH_TEST); gl.depthFunc(gl.LEQUAL); gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
      const c = head.colours, cells = scene.cells[shown.day];
      for (const each of shown.vessels ? scene.vessels : []) {
        const look = { colours: { colour: each.colour, wasted: c.wasted, other: c.wasted }, numbers: {} };
        const now = each.days[Math.min(shown.day, each.days.length - 1)];
        paint(now.tube, view, look);
        if (!view.draft && !(coarse && many)) paint(now.joints, view, look); // what closes the gaps where tubes meet
      }
      const ball = { colours: { colour: c.quiet, other: c.awake, wasted: c.senescent },
        numbers: { cells: 1, least: Math.max(head.cell, 4.5 * view.dots / view.pixels) } };
      if (shown.cells && cells.count) paint(cells, view, ball);
      const field = shown.field >= 0 && scene.fields[shown.field][shown.day];
      if (field) veil(field, view, { colours: { colour: c.field }, numbers: { opacity: 0.5, rim: 0.3 } });
      if (shown.bone && scene.bone) {
        veil(scene.bone, view, { colours: { colour: c.bone }, numbers: { opacity: shown.opacity, rim: 0.35 } });
      }
      if (shown.cells && cells.count) { // paler through what stands before them
        gl.disable(gl.DEPTH_TEST); gl.enable(gl.BLEND);
        paint(cells, view, { ...ball, numbers: { ...ball.numbers, opacity: 0.3 } }); gl.disable(gl.BLEND);
      }
      gl.bindVertexArray(null);
    };
  }

  // ------------------------------------------------------------------ how it is turned

  const times = (a, b) => a.map((_, k) => [0, 1, 2].reduce((sum, j) => sum + a[3 * Math.floor(k / 3) + j] * b[3 * j + k % 3], 0));
  const about = (axis, angle) => {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    return axis ? [c, 0, s, 0, 1, 0, -s, 0, c] : [1, 0, 0, 0, c, -s, 0, s, c];
  };

  // Whether the browser draws without a graphics card: then coarser, and coarser still while it is turned.
  function slow() {
    const gl = document.createElement("canvas").getContext("webgl2");
    if (!gl) throw new Error("this browser has no WebGL 2");
    const known = gl.getExtension("WEBGL_debug_renderer_info");
    const name = String(gl.getParameter(known ? known.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
    gl.getExtension("WEBGL_lose_context")?.loseContext();
    return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
  }

  function start([head, array]) {
    const coarse = slow(), gl = canvas.getContext("webgl2", { alpha: false, antialias: !coarse, preserveDrawingBuffer: true });
    if (!gl) throw new Error("this browser has no WebGL 2");
    const draw = painter(gl, head, array, coarse), diagonal = Math.hypot(...head.extent);
    const down = new Map(); // fingers and buttons on the picture, and where they were last
    let turn, zoom, shift, waiting = false;
    const reset = () => { turn = head.turn.slice(); zoom = 1; shift = [0, 0]; };
    const paint = () => {
      waiting = false;
      const dots = coarse ? 1 : window.devicePixelRatio || 1, wide = canvas.clientWidth, high = canvas.clientHeight;
      canvas.width = Math.round(wide * dots); canvas.height = Math.round(high * dots);
      const um = Math.max(head.seen[0] / (0.94 * wide), head.seen[1] / (0.88 * high)) / zoom; // a CSS pixel
      const view = { turn, shift, deep: diagonal, dots, pixels: dots / um, scale: [2 / (um * wide), 2 / (um * high)],
        draft: coarse && down.size > 0,
        cut: diagonal * (0.5 - Number(find("cut").value)) };
      const shown = { day: Number(find("day").value), vessels: find("vessels").checked, cells: find("cells").checked,
        bone: find("bone").checked, opacity: Number(find("opacity").value), field: Number(find("field").value) };
      draw(view, shown);
      tell(um, wide, shown);
      ringed(um, wide, high, shown);
      const error = gl.getError();
      box.dataset.drawn = error ? `error ${error}` : `day ${head.days[shown.day].day}`;
    };
    const again = () => { if (!waiting) { waiting = true; requestAnimationFrame(paint); } };
    const bar = box.querySelector(".bar"), cross = box.querySelector(".cross"), told = box.querySelector(".told");
    const tell = (um, wide, shown) => {
      const most = 0.25 * wide * um, step = 10 ** Math.floor(Math.log10(most));
      const length = [5, 2, 1].map((k) => k * step).find((k) => k <= most);
      bar.style.width = `${length / um}px`; bar.textContent = length < 1000 ? `${+length.toPrecision(3)} µm` : `${length / 1000} mm`;
      const tips = ["x", "y", "z"].map((name, k) => [name, 30 + 20 * turn[k], 30 - 20 * turn[3 + k], turn[6 + k]]);
      cross.innerHTML = tips.sort((a, b) => a[3] - b[3]).map(([name, x, y]) =>
        `<line x1="30" y1="30" x2="${x}" y2="${y}"/><text x="${30 + 1.32 * (x - 30)}" y="${30 + 1.32 * (y - 30)}">${name}</text>`).join("");
      const field = shown.field >= 0 && head.fields[shown.field];
      told.textContent = [head.days[shown.day].said, field && (field.days[shown.day].told || field.told)].filter(Boolean).join("; ");
    };
    // A stem cell that is clicked on tells of itself, and is ringed while all is turned.
    const ring = box.querySelector(".ring"), card = box.querySelector(".card");
    const cells = head.cells.map((each) => ({ place: array(each.place), state: array(each.state),
      facts: each.facts.map(([text, packed]) => [text, array(packed)]) }));
    let picked = null; // its day and its number, and where it was clicked on
    const seen = (day, k, um, wide, high) => {
      const q = [0, 1, 2].map((j) => head.low[j] + cells[day].place[3 * k + j] / 65535 * head.extent[j]);
      const [x, y] = [0, 1].map((j) => turn[3 * j] * q[0] + turn[3 * j + 1] * q[1] + turn[3 * j + 2] * q[2] + shift[j]);
      return [0.5 * wide + x / um, 0.5 * high - y / um];
    };
    const pick = (day, x, y, um, wide, high) => {
      let [found, nearest] = [null, Math.max(9, 1.5 * head.cell / um)]; // CSS pixels
      for (let k = 0; k < cells[day].state.length; k++) {
        const [a, b] = seen(day, k, um, wide, high), apart = Math.hypot(a - x, b - y);
        if (apart < nearest) [found, nearest] = [k, apart];
      }
      return found === null ? null : { day, k: found };
    };
    const ringed = (um, wide, high, shown) => {
      if (picked && picked.at) picked = pick(shown.day, ...picked.at, um, wide, high);
      const on = picked && picked.day === shown.day && shown.cells;
      ring.hidden = card.hidden = !on;
      box.dataset.picked = on ? picked.k : "";
      if (!on) return;
      const [x, y] = seen(shown.day, picked.k, um, wide, high), { state, facts } = cells[shown.day];
      const size = 2 * Math.max(8, 4 + head.cell / um);
      Object.assign(ring.style, { left: `${x}px`, top: `${y}px`, width: `${size}px`, height: `${size}px` });
      const told = facts.map(([text, values]) => text.includes("|") ? text.split("|")[values[picked.k] ? 0 : 1]
        : text.replace("{}", values instanceof Float32Array ? +values[picked.k].toPrecision(3) : values[picked.k]));
      card.textContent = ["Stem cell", ["quiescent", "cycling", "senescent"][state[picked.k]], ...told].join(", ");
    };
    for (const each of box.querySelectorAll("input, select")) each.addEventListener("input", again);
    box.querySelector("button").addEventListener("click", () => { reset(); again(); });
    let apart = 0, clicked = false;
    canvas.addEventListener("pointerdown", (e) => {
      canvas.setPointerCapture(e.pointerId); down.set(e.pointerId, [e.clientX, e.clientY]); apart = 0;
      clicked = down.size === 1 && [e.clientX, e.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (e) => {
      if (clicked && end === "pointerup" && e.button === 0 && !e.shiftKey && find("cells").checked) picked = { at: [e.offsetX, e.offsetY] };
      clicked = false; down.delete(e.pointerId); apart = 0; again();
    });
    canvas.addEventListener("pointermove", (e) => {
      const last = down.get(e.pointerId);
      if (!last) return;
      const [x, y] = [e.clientX - last[0], e.clientY - last[1]];
      down.set(e.pointerId, [e.clientX, e.clientY]);
      if (clicked && Math.hypot(e.clientX - clicked[0], e.clientY - clicked[1]) > 3) clicked = false; // it is turned
      const um = Math.max(head.seen[0] / (0.94 * canvas.clientWidth), head.seen[1] / (0.88 * canvas.clientHeight)) / zoom;
      if (down.size === 2) {
        const [one, two] = [...down.values()], now = Math.hypot(one[0] - two[0], one[1] - two[1]);
        if (apart) zoom = Math.min(40, Math.max(0.3, zoom * now / apart));
        apart = now; shift = [shift[0] + 0.5 * x * um, shift[1] - 0.5 * y * um];
      } else if (e.shiftKey || e.buttons === 2) shift = [shift[0] + x * um, shift[1] - y * um];
      else turn = times(times(about(0, 0.008 * y), about(1, 0.008 * x)), turn);
      again();
    });
    canvas.addEventListener("contextmenu", (e) => e.preventDefault());
    canvas.addEventListener("wheel", (e) => {
      e.preventDefault(); zoom = Math.min(40, Math.max(0.3, zoom * Math.exp(-0.0015 * e.deltaY))); again();
    }, { passive: false });
    canvas.addEventListener("keydown", (e) => {
      const way = { ArrowLeft: [1, -0.1], ArrowRight: [1, 0.1], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[e.key];
      if (way) turn = times(about(...way), turn);
      else if (e.key === "+" || e.key === "-") zoom *= e.key === "+" ? 1.2 : 1 / 1.2;
      else return;
      e.preventDefault(); again();
    });
    new ResizeObserver(again).observe(canvas);
    reset(); again(); said("");
  }

  async function open() {
    if (begun || !box.open) return;
    begun = true; said("Unpacking …");
    try { start(await unpack()); } catch (error) {
      begun = false; box.dataset.drawn = "no"; said(`Nothing to turn here: ${error.message}. The picture above shows the same.`);
    }
  }
  box.addEventListener("toggle", open);
  const linked = () => { if (location.hash === "#turn") { box.open = true; open(); box.scrollIntoView(); } };
  window.addEventListener("hashchange", linked);
  linked();
})();
