// A browser with livekit-client that publishes its microphone, which is a WAV file. Reads
// {"url","token","sound"} on stdin; prints {"published":true} on stdout; leaves when stdin ends.
import readline from 'node:readline';
import { withPage } from './browser_page.mjs';

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { url, token, sound } = JSON.parse((await lines.next()).value);
const microphone = [
  '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
  `--use-file-for-fake-audio-capture=${sound}`,
];
await withPage(microphone, async (page) => {
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
});
