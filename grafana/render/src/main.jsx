// Draws one dashboard. Whoever opened the page gives the job at job.json, and reads `window.drawing` when it is done.
import 'uplot/dist/uPlot.min.css';
import '@grafana/react-data-grid/lib/styles.css';

import { createTheme, ThemeContext } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { GlobalStyles } from '@grafana/ui';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';

import { DashboardPage } from './dashboard.jsx';
import { Drawing } from './drawing.js';
import { Prometheus } from './prometheus.js';
import { timeRange } from './time.js';
import { registerTransformations } from './transformations.js';
import { resolveVariables } from './variables.js';

const drawing = (window.drawing = new Drawing());
window.addEventListener('error', (event) => drawing.fault('page', event.message));
window.addEventListener('unhandledrejection', (event) => drawing.fault('page', String(event.reason)));

async function main() {
  const job = await (await fetch('job.json')).json();
  await initPluginTranslations('grafana');
  registerTransformations();
  const { dashboard } = job;
  const range = timeRange(job.time ?? dashboard.time, dashboard.timezone, job.now);
  const prometheus = new Prometheus(job.prometheus, range);
  const variables = await resolveVariables(dashboard.templating?.list ?? [], prometheus, drawing);
  const theme = createTheme({ colors: { mode: job.theme } });
  document.title = dashboard.title;
  Object.assign(document.body.style, { margin: 0, background: theme.colors.background.canvas });
  const root = createRoot(document.getElementById('root'));
  const page = (content) => (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      {content}
    </ThemeContext.Provider>
  );
  // Grafana measures texts before it draws them: the typeface, which its styles name, must be there by then.
  flushSync(() => root.render(page(null)));
  await Promise.all([400, 500].map((weight) => document.fonts.load(`${weight} 14px Inter`)));
  root.render(
    page(<DashboardPage job={job} range={range} prometheus={prometheus} variables={variables} drawing={drawing} />)
  );
}

main().catch((error) => {
  drawing.fault('page', error.stack);
  drawing.expect(0);
});
