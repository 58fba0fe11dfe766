// A transcript client that is not ours: `node cable_client.mjs`.
//
// The first line on stdin says how: {client: "rails" | "anycable", protocol, url, identifier,
// stale_s, refreshed_url?}. Lines on stdout: {event, …}, an event each; `words` carries a message.
// It ends with its stdin.
import { createInterface } from "node:readline";
import WebSocket from "ws";

const emit = (event, more = {}) => process.stdout.write(JSON.stringify({ event, ...more }) + "\n");

async function rails({ url, identifier, stale_s }) {
  // What the package expects of a browser's window.
  globalThis.addEventListener = globalThis.removeEventListener = () => {};
  globalThis.document = { visibilityState: "visible" };
  const { default: actionCable } = await import("@rails/actioncable");
  actionCable.adapters.WebSocket = WebSocket;
  actionCable.ConnectionMonitor.staleThreshold = stale_s;
  const consumer = actionCable.createConsumer(url);
  consumer.subscriptions.create(identifier, {
    connected: ({ reconnected }) => emit("connected", { reconnected }),
    disconnected: ({ willAttemptReconnect }) =>
      emit("disconnected", { again: willAttemptReconnect }),
    rejected: () => emit("rejected"),
    received: (message) => emit("words", { message }),
  });
}

async function anycable({ url, identifier, protocol, stale_s, refreshed_url }) {
  const { Channel, createCable } = await import("@anycable/core");
  const cable = createCable(url, {
    protocol,
    websocketImplementation: WebSocket,
    pingInterval: stale_s * 500, // two missed pings are a stale connection
    reconnectStrategy: () => 200,
    logLevel: "error",
    tokenRefresher: refreshed_url
      ? async (transport) => {
          emit("refreshing");
          transport.setURL(refreshed_url);
        }
      : undefined,
  });
  cable.on("connect", ({ restored }) => emit("cable", { restored }));
  cable.on("disconnect", (error) => emit("dropped", { reason: error?.reason ?? null }));
  cable.on("close", (error) => emit("closed", { reason: error?.reason ?? null }));
  const { channel, ...params } = identifier;
  class Words extends Channel {
    static identifier = channel;
  }
  const words = new Words(params);
  words.on("connect", ({ reconnect }) => emit("connected", { reconnected: reconnect }));
  words.on("close", (error) => emit("rejected", { reason: error?.reason ?? null }));
  words.on("info", ({ type }) => emit("info", { type }));
  words.on("message", (message) => emit("words", { message }));
  cable.subscribe(words);
}

const lines = createInterface({ input: process.stdin });
lines.once("line", (line) => {
  const asked = JSON.parse(line);
  (asked.client === "rails" ? rails : anycable)(asked);
});
lines.once("close", () => process.exit(0));
