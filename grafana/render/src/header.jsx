// What is above the panels. Stand-in: the real one belongs to Grafana's application; this shows the same facts.
import { rangeUtil } from '@grafana/data';
import { Icon, useTheme2 } from '@grafana/ui';

export function Header({ dashboard, folder, shown, templates, range }) {
  const theme = useTheme2();
  const lines = { display: 'flex', alignItems: 'center', gap: 8 };
  return (
    <header style={{ paddingBottom: 16 }}>
      <div style={{ ...lines, height: 40, color: theme.colors.text.secondary }}>
        {['Dashboards', folder].filter(Boolean).map((part) => (
          <span key={part} style={lines}>
            {part}
            <Icon name="angle-right" />
          </span>
        ))}
        <h1 style={{ ...theme.typography.body, margin: 0, color: theme.colors.text.primary }}>{dashboard.title}</h1>
        {dashboard.tags?.map((tag) => (
          <Field key={tag}>{tag}</Field>
        ))}
      </div>
      <div style={{ ...lines, flexWrap: 'wrap' }}>
        {shown.map(({ label, text }) => (
          <Field key={label} label={label} icon="angle-down">
            {text}
          </Field>
        ))}
        {annotations(dashboard).map(({ name, enable }) => (
          <Field key={name} label={name} icon={enable ? 'check' : 'times'} />
        ))}
        <div style={{ flexGrow: 1 }} />
        {dashboard.links?.map((link) => (
          <Field key={link.title} icon={link.type === 'dashboards' ? 'angle-down' : 'external-link-alt'}>
            {templates.text(link.title)}
          </Field>
        ))}
        <Field icon="angle-down">{rangeUtil.describeTimeRange(range.raw)}</Field>
        <Field icon="sync">{dashboard.refresh}</Field>
      </div>
    </header>
  );
}

function annotations({ annotations }) {
  return (annotations?.list ?? []).filter(({ builtIn, hide }) => !builtIn && !hide);
}

function Field({ label, icon, children }) {
  const theme = useTheme2();
  const border = `1px solid ${theme.components.input.borderColor}`;
  const part = { display: 'flex', alignItems: 'center', gap: 8, height: 32, padding: '0 8px', border, ...theme.typography.bodySmall };
  return (
    <span style={{ display: 'flex' }}>
      {label && <span style={{ ...part, background: theme.colors.background.secondary, fontWeight: 500, color: theme.colors.text.primary }}>{label}</span>}
      {(children || icon) && (
        <span style={{ ...part, background: theme.components.input.background, color: theme.colors.text.primary }}>
          {children}
          {icon && <Icon name={icon} />}
        </span>
      )}
    </span>
  );
}
