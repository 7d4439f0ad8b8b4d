/** @file The colours, once for light and once for dark; charts name them, the page's style sheet swaps them. */
import type { TrialRole } from './results.js';

interface Tone {
  light: string;
  dark: string;
}

/**
 * Charts are drawn in the light tones. The style sheet overrides each by a rule on the attribute that carries it, so
 * every tone must be unlike the others, and a chart cut out of the page still shows the right colours.
 */
export const palette = {
  ink: { light: '#1b1f24', dark: '#e8eaed' },
  muted: { light: '#5c6570', dark: '#9aa4af' },
  faint: { light: '#c3cad2', dark: '#47515c' },
  grid: { light: '#e7eaee', dark: '#2a3138' },
  paper: { light: '#fdfdfc', dark: '#14181c' },
  raised: { light: '#f4f5f6', dark: '#1c2228' },
  weak: { light: '#b4570a', dark: '#f0a35e' },
  method: { light: '#1f5fbf', dark: '#7fb2ff' },
  control: { light: '#7a5aa6', dark: '#c0a3ea' },
  ceiling: { light: '#1d7a4f', dark: '#6fcf9f' },
  alarm: { light: '#b3261e', dark: '#ff9b93' },
  shard: { light: '#8e99a5', dark: '#7a8692' },
  pretrain: { light: '#22457a', dark: '#5a8fd8' },
  finetune: { light: '#3d84dd', dark: '#8fc1ff' },
  label: { light: '#d0852c', dark: '#eab06a' },
  refine: { light: '#9565c9', dark: '#caa5f0' },
  evaluate: { light: '#3a9a6c', dark: '#83d3a9' },
} as const satisfies Record<string, Tone>;

export type ToneName = keyof typeof palette;

/** A tone as charts write it. */
export const tone = (name: ToneName): string => palette[name].light;

export const roleTone = (role: TrialRole): string => tone(role);

/** The tone of a kind of stage; kinds that are no work of a device share one. */
export function kindTone(kind: string): string {
  return kind in palette ? tone(kind as ToneName) : tone('shard');
}

/** Lines that are told apart by colour: contexts, variants of a method. */
export const seriesTones: readonly string[] = [
  tone('method'),
  tone('refine'),
  tone('label'),
  tone('evaluate'),
  tone('pretrain'),
  tone('alarm'),
];

const names = Object.keys(palette) as ToneName[];

/** CSS variables for one scheme. */
export function variables(scheme: keyof Tone): string {
  return names.map((name) => `--${name}:${palette[name][scheme]};`).join('');
}

/** Rules that make a chart's colours follow the page's scheme. */
export function chartRules(): string {
  return names
    .map((name) => {
      const colour = palette[name].light;
      return `.chart [fill="${colour}"]{fill:var(--${name})}.chart [stroke="${colour}"]{stroke:var(--${name})}`;
    })
    .join('\n');
}
