// Chromium with livekit-client, as a vendor's sample page would be: joins, attaches every track,
// sends commands with publishData. Reads {"url","token"} and then commands, a line each, on stdin;
// prints {"sent_wall_ms"} for each on stdout. The line {"stats":true} is answered by what getStats
// counts since the start, summed over all audio tracks, and by `began_wall_ms`: when each of the
// latest statuses came, less the position in it.
import http from 'node:http';
import puppeteer from 'puppeteer-core';
import readline from 'node:readline';
import path from 'node:path';

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => {
  const { value, done } = await lines.next();
  return done ? null : JSON.parse(value);
};

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM,
  headless: true,
  ignoreDefaultArgs: ['--mute-audio'],
  args: [
    '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-sync', '--disable-quic',
    '--disable-background-networking', '--disable-component-update',
    '--autoplay-policy=no-user-gesture-required',
  ],
});
const page = await browser.newPage();
const modules = process.env.NODE_MODULES;
// A page of this machine's own: from any other origin a browser may not reach a server on loopback.
const server = http.createServer((_, answer) => {
  answer.setHeader('Content-Type', 'text/html');
  answer.end('<title>peer</title><body></body>');
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
await page.goto(`http://127.0.0.1:${server.address().port}/`);
await page.addScriptTag({ path: path.join(modules, 'livekit-client/dist/livekit-client.umd.js') });
await page.evaluate(async ({ url, token }) => {
  const room = new LivekitClient.Room();
  window.room = room;
  window.began = [];
  room.on(LivekitClient.RoomEvent.DataReceived, (payload) => {
    const now = performance.timeOrigin + performance.now();
    const status = JSON.parse(new TextDecoder().decode(payload));
    if (!status.paused) window.began = [...window.began, now - status.position].slice(-16);
  });
  room.on(LivekitClient.RoomEvent.TrackSubscribed, (track) => {
    document.body.appendChild(track.attach());
  });
  await room.connect(url, token);
  await room.startAudio();
}, await next());
console.log(JSON.stringify({ ready: true }));

// Runs in the page. Samples are at 48 kHz; the names are W3C webrtc-stats'.
async function receiveStats() {
  const sum = { concealedSamples: 0, jitterBufferDelay: 0, jitterBufferEmittedCount: 0 };
  for (const participant of window.room.remoteParticipants.values()) {
    for (const { track } of participant.audioTrackPublications.values()) {
      for (const entry of (await track.getRTCStatsReport()).values()) {
        if (entry.type !== 'inbound-rtp') continue;
        for (const name of Object.keys(sum)) sum[name] += entry[name];
      }
    }
  }
  return { ...sum, began_wall_ms: window.began };
}

for (let command = await next(); command; command = await next()) {
  if (command.stats) {
    console.log(JSON.stringify(await page.evaluate(receiveStats)));
    continue;
  }
  const sent = await page.evaluate(async (text) => {
    const now = performance.timeOrigin + performance.now();
    const payload = new TextEncoder().encode(text);
    await window.room.localParticipant.publishData(payload, { reliable: true });
    return now;
  }, JSON.stringify(command));
  console.log(JSON.stringify({ sent_wall_ms: sent }));
}
await browser.close();
server.close();
