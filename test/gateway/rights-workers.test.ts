/** Runs rights.test.ts with a gateway of two worker processes. */
import { useTwoWorkers } from '../support/site.js';

useTwoWorkers();
await import('./rights.test.js');
