/** @file `temper devices`: what can compute here, what is missing and how to get it, and how fast each device is. */
import { execFile } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Command, Option } from 'commander';
import { messageOf } from '../base/errors.js';
import { packageRoot } from '../base/folders.js';
import { type DeviceKind, devices, parseDevice } from '../onnx/device.js';
import { measureDevice, requireDevice, type Speed } from '../onnx/probe.js';
import { cpuSlots } from '../worker/devices.js';
import { counted, note, print, printJson } from './output.js';

const run = promisify(execFile);
const measuredSeconds = 5;

type Finding = {
  readonly kind: DeviceKind;
  readonly device: string;
  /** How far Temper was ever tried on devices of this kind. */
  readonly tried: string;
} & ({ readonly usable: true; readonly speed?: Speed } | { readonly usable: false; readonly reason: string });

interface Options {
  readonly json?: boolean;
  readonly measure: boolean;
  readonly only?: DeviceKind;
}

export function registerDevices(program: Command): void {
  const kinds = Object.keys(devices) as DeviceKind[];
  program
    .command('devices')
    .description('what can compute here, how fast, and what is missing')
    .option('--json', 'print as JSON')
    .option('--no-measure', `leave out the measurement, which takes ${measuredSeconds} seconds a device`)
    .addOption(new Option('--only <kind>', 'look at one kind of device').choices(kinds))
    .action(async (options: Options) => {
      const findings =
        options.only === undefined ? await lookAll(kinds, options) : [await look(options.only, options)];
      if (options.json === true) return printJson(findings);
      print(findings.map(describe).join('\n'));
    });
}

/** Each kind in a process of its own: a driver that crashes takes nobody with it, and what it prints is not ours. */
async function lookAll(kinds: readonly DeviceKind[], { measure }: Options): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const kind of kinds) {
    if (measure) note(`looking at ${kind} …`);
    const flags = ['devices', '--json', '--only', kind, ...(measure ? [] : ['--no-measure'])];
    try {
      const { stdout } = await run(process.execPath, [join(packageRoot(), 'bin', 'temper.mjs'), ...flags]);
      findings.push(...(JSON.parse(stdout) as Finding[]));
    } catch (error) {
      const reason = `looking at it ended its process: ${messageOf(error)}\n${devices[kind].remedy}`;
      findings.push({ kind, device: kind, tried: devices[kind].tried, usable: false, reason });
    }
  }
  return findings;
}

async function look(kind: DeviceKind, { measure }: Options): Promise<Finding> {
  const threads = availableParallelism();
  const device = parseDevice(devices[kind].suffix === 'threads' ? `${kind}:${threads}` : kind);
  const about = { kind, device: describeDevice(kind, threads), tried: devices[kind].tried };
  try {
    await requireDevice(device);
  } catch (error) {
    return { ...about, usable: false, reason: messageOf(error) };
  }
  if (!measure) return { ...about, usable: true };
  return { ...about, usable: true, speed: await measureDevice(device, measuredSeconds) };
}

function describeDevice(kind: DeviceKind, threads: number): string {
  if (kind !== 'cpu') return `${kind}:0`;
  const slots = cpuSlots();
  const model = cpus()[0]?.model ?? 'unknown';
  return `${model}, ${threads} cores: sweeps use ${counted(slots.length, 'worker')} of ${counted(slots[0]?.threads ?? 1, 'thread')}`;
}

function describe(finding: Finding): string {
  const { kind, device, tried } = finding;
  const lines = finding.usable ? [speedText(finding.speed)] : [`not usable. ${finding.reason}`];
  const text = [device, ...lines, `(${tried})`].filter((line) => line !== '').join('\n');
  return text.replaceAll('\n', `\n${' '.repeat(8)}`).replace(/^/, kind.padEnd(8));
}

function speedText(speed: Speed | undefined): string {
  if (speed === undefined) return '';
  const { gflops, size, gigabytesPerSecond } = speed;
  return `${Number(gflops.toPrecision(2))} GFLOP/s (products of ${size} × ${size}), ${gigabytesPerSecond.toFixed(1)} GB/s element by element`;
}
