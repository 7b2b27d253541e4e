import { fuzz } from './fuzz.js';
import { session } from './serve/session.js';

fuzz(session);
