/** Everything of drain.test.ts once more, with two processes that serve one gateway. */
import { landApart } from '../support/site.js';

landApart();
await import('./drain.test.js');
