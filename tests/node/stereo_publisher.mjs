// A browser with livekit-client that publishes a stereo track, one tone in each channel: what the
// SDK for Python cannot send. Reads {"url","token","hz":[left,right]} on stdin; prints
// {"published":true} on stdout; leaves when stdin ends.
import readline from 'node:readline';
import { withPage } from './browser_page.mjs';

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const asked = JSON.parse((await lines.next()).value);
await withPage(['--autoplay-policy=no-user-gesture-required'], async (page) => {
  await page.evaluate(async ({ url, token, hz }) => {
    const context = new AudioContext({ sampleRate: 48000 });
    await context.resume();
    const merger = context.createChannelMerger(2);
    hz.forEach((each, channel) => {
      const tone = context.createOscillator();
      tone.frequency.value = each;
      const volume = context.createGain();
      volume.gain.value = 0.25;
      tone.connect(volume).connect(merger, 0, channel);
      tone.start();
    });
    const sound = context.createMediaStreamDestination();
    merger.connect(sound);
    window.room = new LivekitClient.Room();
    await window.room.connect(url, token);
    await window.room.localParticipant.publishTrack(sound.stream.getAudioTracks()[0], {
      name: 'call', dtx: false, red: false, forceStereo: true,
      audioPreset: LivekitClient.AudioPresets.musicStereo,
    });
  }, asked);
  console.log(JSON.stringify({ published: true }));
  await lines.next();
  await page.evaluate(() => window.room.disconnect());
});
