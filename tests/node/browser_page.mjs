// A page in Chromium that has livekit-client, for the scripts beside this one.
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';

// Runs `work(page)` in a browser that is given `args`, and closes it.
export async function withPage(args, work) {
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-sync', '--disable-quic',
      '--disable-background-networking', '--disable-component-update', ...args,
    ],
  });
  // A page of this machine's own: from any other origin a browser may not reach a server on loopback.
  const server = http.createServer((_, answer) => {
    answer.setHeader('Content-Type', 'text/html');
    answer.end('<title>test</title><body></body>');
  });
  try {
    const page = await browser.newPage();
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    const here = path.dirname(fileURLToPath(import.meta.url));
    await page.addScriptTag({
      path: path.join(here, 'node_modules/livekit-client/dist/livekit-client.umd.js'),
    });
    await work(page);
  } finally {
    await browser.close();
    server.close();
  }
}
