// SPDX-License-Identifier: Apache-2.0
import { createRoot } from 'react-dom/client';
import './styles/tokens.css';
import './styles/base.css';
import './styles/frame.css';
import './styles/parts.css';
import './styles/pages.css';
import { App } from './app';

createRoot(document.getElementById('app')!).render(<App />);
