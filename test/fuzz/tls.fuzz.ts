import { fuzz } from './fuzz.js';
import { tls } from './stages.js';

fuzz(tls);
