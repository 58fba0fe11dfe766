// A browser with livekit-client that publishes its microphone, which is a WAV file. Reads
// {"url","token","sound"} on stdin; tells {"published":true} on stdout; leaves when stdin ends.
import http from 'node:http';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { url, token, sound } = JSON.parse((await lines.next()).value);
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM,
  headless: true,
  args: [
    '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-sync', '--disable-quic',
    '--disable-background-networking', '--disable-component-update',
    '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
    `--use-file-for-fake-audio-capture=${sound}`,
  ],
});
try {
  const page = await browser.newPage();
  // A page of this machine's own: from any other origin a browser may not reach a server on loopback.
  const server = http.createServer((_, answer) => {
    answer.setHeader('Content-Type', 'text/html');
    answer.end('<title>publisher</title><body></body>');
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const here = path.dirname(fileURLToPath(import.meta.url));
  await page.addScriptTag({
    path: path.join(here, 'node_modules/livekit-client/dist/livekit-client.umd.js'),
  });
  await page.evaluate(async (to) => {
    window.room = new LivekitClient.Room();
    await window.room.connect(to.url, to.token);
    await window.room.localParticipant.setMicrophoneEnabled(
      true,
      { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
      { dtx: false },
    );
  }, { url, token });
  console.log(JSON.stringify({ published: true }));
  await lines.next();
  await page.evaluate(() => window.room.disconnect());
  server.close();
} finally {
  await browser.close();
}
