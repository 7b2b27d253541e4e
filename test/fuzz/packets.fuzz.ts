import { fuzz } from './fuzz.js';
import { packets } from './stages.js';

fuzz(packets);
