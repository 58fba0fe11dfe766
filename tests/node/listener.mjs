// A browser with livekit-client that listens as a vendor's sample page would: it joins, waits for a
// status, sends each command and waits for a status that agrees. Reads {"url","token"} on stdin;
// prints what it got as one line of JSON: `first`, `answers` (`cmd`, and the status that agreed, or
// null) and `levels_db` (of each party's track, before and after its gain was set).
import readline from 'node:readline';
import { withPage } from './browser_page.mjs';

const AGREED_WITHIN_MS = 10_000;
const LISTENED_MS = 500;

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const asked = JSON.parse((await lines.next()).value);
await withPage(['--autoplay-policy=no-user-gesture-required'], async (page) => {
  const reported = await page.evaluate(async ({ url, token }, withinMs, listenedMs) => {
    const { Room, RoomEvent } = LivekitClient;
    const room = new Room();
    const tracks = {};
    let onStatus = () => {};
    room.on(RoomEvent.DataReceived, (payload) => {
      const message = JSON.parse(new TextDecoder().decode(payload));
      if (message.kind === 'status') onStatus(message);
    });
    room.on(RoomEvent.TrackSubscribed, (track, publication) => {
      document.body.appendChild(track.attach());
      tracks[publication.trackName] = track;
    });
    const pause = (ms) => new Promise((done) => setTimeout(done, ms));
    const agreed = (agrees) => new Promise((done) => {
      const late = setTimeout(() => done(null), withinMs);
      onStatus = (status) => {
        if (!agrees(status)) return;
        clearTimeout(late);
        onStatus = () => {};
        done(status);
      };
    });
    const answers = [];
    const obey = async (command, agrees) => {
      const answer = agreed(agrees);
      const bytes = new TextEncoder().encode(JSON.stringify(command));
      await room.localParticipant.publishData(bytes, { reliable: true });
      answers.push({ cmd: command.cmd, status: await answer });
    };
    const energy = async (name) => {
      for (const entry of (await tracks[name].getRTCStatsReport()).values()) {
        if (entry.type === 'inbound-rtp') return [entry.totalAudioEnergy, entry.totalSamplesDuration];
      }
    };
    const levelsDb = async () => {
      const names = Object.keys(tracks).sort();
      await pause(listenedMs);
      const began = await Promise.all(names.map(energy));
      await pause(listenedMs);
      const ended = await Promise.all(names.map(energy));
      return Object.fromEntries(names.map((name, n) => [
        name,
        10 * Math.log10((ended[n][0] - began[n][0]) / (ended[n][1] - began[n][1]) + 1e-12),
      ]));
    };

    const first = agreed(() => true);
    await room.connect(url, token);
    await room.startAudio();
    const reported = { first: await first, answers };
    await obey({ cmd: 'resume' }, (status) => !status.paused);
    const before = await levelsDb();
    await obey({ cmd: 'set-gain', gain: -12, callerType: 'caller' }, () => true);
    reported.levels_db = [before, await levelsDb()];
    await obey({ cmd: 'scrub', position: 12000 }, (status) => status.position >= 12000);
    await obey({ cmd: 'pause' }, (status) => status.paused);
    await obey({ cmd: 'scrub-to-end' }, (status) => status.atEnd);
    await room.disconnect();
    return reported;
  }, asked, AGREED_WITHIN_MS, LISTENED_MS);
  console.log(JSON.stringify(reported));
});
