/** @file The tasks of published data: `type: sciq`, from the hub or from a file of the same columns. */
import { taskOf } from '../presets/preset.js';
import { presets } from '../presets/registry.js';

export default presets.map(taskOf);
