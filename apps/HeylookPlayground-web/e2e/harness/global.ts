import { DEMO, BROKEN, hearsTunes, SCRIPTED, seesPictures, SLOW, SQUARES, TUNES } from "./models";
import { TestServer } from "./server";
import { writeSounds, writeSpeechModel } from "./sound";

/** Starts the server that most tests share, and gives what ends it. */
export default async function setup(): Promise<() => Promise<void>> {
  writeSounds();
  const sees = seesPictures();
  const hears = hearsTunes();
  if (hears) writeSpeechModel();
  const server = await TestServer.start({
    defaultModel: DEMO,
    models: [SCRIPTED, SLOW, ...(sees ? [SQUARES, BROKEN] : []), ...(hears ? [TUNES] : [])],
  });
  process.env["PLAYGROUND_SERVER"] = server.url;
  process.env["PLAYGROUND_SEES"] = sees ? "1" : "";
  process.env["PLAYGROUND_HEARS"] = hears ? "1" : "";
  return () => server.stop();
}
