/** @file Preference pairs by rule, as a file of conversations: who answers politely is preferred. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Random } from '../base/random.js';

const things = ['lamp', 'map', 'boat', 'stone', 'clock', 'river', 'ladder', 'garden', 'window', 'basket'];
const questions = ['where is the', 'who has the', 'can you see the', 'what about the', 'show me the'];
const openings = {
  polite: ['please', 'gladly', 'of course', 'thank you'],
  rude: ['bah', 'no', 'nonsense', 'fool'],
};
const endings = ['it is over there', 'look behind the door', 'my sister took it', 'i have not seen it today'];

/**
 * Writes `pairs` different conversations with a chosen and a rejected answer to a file in `folder`, and returns its path.
 * Answers differ in their openings alone, whose classes a model has to tell apart; a share `noise` is the wrong way round.
 */
export async function writePreferencePairs(
  folder: string,
  { pairs, noise = 0, seed = 0 }: { pairs: number; noise?: number; seed?: number },
): Promise<string> {
  const random = Random.of(seed, 'preference pairs');
  const pick = (from: readonly string[]): string => from[random.integer(from.length)]!;
  const rows = Array.from({ length: pairs }, (_, index) => {
    const prompt = `\n\nHuman: ${pick(questions)} ${pick(things)} number ${index}?\n\nAssistant:`;
    const answer = (opening: string): string => `${prompt} ${opening} ${pick(endings)}`;
    const [polite, rude] = [answer(pick(openings.polite)), answer(pick(openings.rude))];
    const [chosen, rejected] = random.uniform() < noise ? [rude, polite] : [polite, rude];
    return JSON.stringify({ chosen, rejected });
  });
  const path = join(folder, 'pairs.jsonl');
  await writeFile(path, `${rows.join('\n')}\n`);
  return path;
}
