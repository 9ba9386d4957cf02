// Text: Grafana's Markdown in Grafana's styles.
import { renderTextPanelMarkdown, textUtil } from '@grafana/data';

export function TextPanel({ panel, templates, width, height }) {
  const { mode = 'markdown', content = '' } = panel.options ?? {};
  const filled = templates.text(content);
  const html = mode === 'markdown' ? renderTextPanelMarkdown(filled) : textUtil.sanitizeTextPanelContent(filled);
  return (
    <div
      className="markdown-html"
      style={{ width, height, overflow: 'hidden' }}
      dangerouslySetInnerHTML={{ __html: html }}
    />
  );
}
