import { DEMO, BROKEN, SCRIPTED, seesPictures, SLOW, SQUARES } from "./models";
import { TestServer } from "./server";
import { writeSounds } from "./sound";

/** Starts the server that most tests share, and gives what ends it. */
export default async function setup(): Promise<() => Promise<void>> {
  writeSounds();
  const sees = seesPictures();
  const server = await TestServer.start({
    defaultModel: DEMO,
    models: [SCRIPTED, SLOW, ...(sees ? [SQUARES, BROKEN] : [])],
  });
  process.env["PLAYGROUND_SERVER"] = server.url;
  process.env["PLAYGROUND_SEES"] = sees ? "1" : "";
  return () => server.stop();
}
