/**
 * @file Has the SDK download the Temporal CLI into a folder, in a process of its own: the SDK can only download on
 * the way to starting a server, and its native runtime can be configured but once per process.
 */
import { TestWorkflowEnvironment } from '@temporalio/testing';

const [folder, version] = process.argv.slice(2);
try {
  const environment = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'cached-download', downloadDir: folder, version, ttl: '1d' },
      // What is downloaded is told to print its help and to end, so that no server ever starts.
      extraArgs: ['--help'],
    },
  });
  await environment.teardown();
} catch (error) {
  // Expected, since no server started; the caller looks whether the file is there, and needs this where it is not.
  process.stderr.write(`${error.message}\n`);
}
