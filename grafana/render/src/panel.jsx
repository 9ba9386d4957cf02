// One panel: asks its questions, and draws the answers in Grafana's own frame.
import { Icon, PanelChrome } from '@grafana/ui';
import { Component, useEffect, useState } from 'react';

import { configured, fieldConfigOf } from './fields.js';
import { answers, isEmpty, mayBeEmpty } from './questions.js';
import { intervals, panelRange } from './time.js';
import { transformed } from './transformations.js';
import { visualizations } from './visualizations/index.js';

export function Panel({ panel, width, height, context }) {
  const { templates, drawing } = context;
  const [state, setState] = useState({});
  useEffect(() => {
    ask(panel, width, context)
      .then((data) => setState({ data }))
      .catch((error) => {
        drawing.fault(panel.title, error.message);
        setState({ error });
      });
  }, []);
  useEffect(() => {
    if (state.data || state.error) drawing.drawn(panel.id);
  }, [state]);
  const Visualization = visualizations[panel.type] ?? unknownType(panel.type);
  return (
    <PanelChrome
      width={width}
      height={height}
      title={templates.text(panel.title)}
      description={panel.description && templates.text(panel.description)}
      titleItems={panel.links?.length ? <Icon name="external-link-alt" /> : undefined}
      displayMode={panel.transparent ? 'transparent' : 'default'}
      padding={panel.type === 'table' ? 'none' : 'md'}
      statusMessage={state.error?.message}
    >
      {(innerWidth, innerHeight) =>
        state.data && (
          <Guard panel={panel} drawing={drawing}>
            <Visualization panel={panel} width={innerWidth} height={innerHeight} context={context} {...state.data} />
          </Guard>
        )
      }
    </PanelChrome>
  );
}

/** Return what a visualisation needs: frames with their options, the range, and the options themselves. */
async function ask(panel, width, context) {
  const { job, drawing } = context;
  const range = panelRange(panel, context.range, context.timeZone, job.now);
  const { stepSeconds, builtIn } = intervals(range, panel.maxDataPoints ?? Math.floor(width), panel.interval);
  const templates = context.templates.with(builtIn);
  const fieldConfig = fieldConfigOf(panel);
  if (panel.repeat) throw new Error(`repeats by \`${panel.repeat}\`: this renderer does not repeat panels`);
  const frames = await answers(panel, { prometheus: context.prometheus, templates, range, stepSeconds, drawing });
  const changed = await transformed(panel.transformations, frames, templates);
  if (panel.targets?.length && isEmpty(changed) && !mayBeEmpty(panel)) drawing.fault(panel.title, 'no data');
  return { frames: configured(changed, fieldConfig, context), fieldConfig, range, templates };
}

function unknownType(type) {
  return () => {
    throw new Error(`this renderer draws no panels of type \`${type}\``);
  };
}

/** Shows and notes what a visualisation throws, so that the other panels are drawn. */
class Guard extends Component {
  state = {};

  static getDerivedStateFromError(error) {
    return { error };
  }

  componentDidCatch(error) {
    this.props.drawing.fault(this.props.panel.title, error.message);
  }

  render() {
    return this.state.error ? <pre>{this.state.error.message}</pre> : this.props.children;
  }
}
