import type { Pool } from 'pg'

/** Holds a step back before it begins: its dispatch does not leave the database until the gate opens. */
export interface Gate {
  /** Has the step come to the gate? */
  reached(): Promise<boolean>
  /** Lets it through. */
  open(): Promise<void>
}

/** One write that really changed a row of the journal or of the job's log. */
export interface AuditedWrite {
  table: 'copied_chunks' | 'job_events' | 'checkpoint'
  /** `PGAPPNAME` of the process that wrote. */
  by: string
  at: Date
}

/** Makes gates possible in this database, and keeps a record of who writes what. */
export async function installProbes(db: Pool): Promise<void> {
  await db.query(probesSql)
}

/** Holds back a step of a job, or with `*` the first that comes in that direction. Also before the job exists. */
export async function holdStep(
  db: Pool,
  jobId: string,
  direction: 'do' | 'undo',
  name: string,
): Promise<Gate> {
  const key = [jobId, direction, name]
  await db.query('insert into test_gates (job_id, direction, name) values ($1, $2, $3)', key)
  return {
    async reached() {
      const { rows } = await db.query(
        'select 1 from test_gates where job_id = $1 and direction = $2 and name = $3 and held is not null',
        key,
      )
      return rows.length === 1
    },
    async open() {
      await db.query(
        `with g as (update test_gates set open = true where job_id = $1 and direction = $2 and name = $3 returning held)
         insert into outbox select o.* from g cross join lateral jsonb_populate_record(null::outbox, g.held) as o
         where g.held is not null`,
        key,
      )
      await db.query(`select pg_notify('novacron_outbox', '')`)
    },
  }
}

/** Every write to the copy journal, the job's events and checkpoints, in order. */
export async function auditedWrites(db: Pool): Promise<AuditedWrite[]> {
  const { rows } = await db.query<AuditedWrite>('select "table", by, at from test_audit order by at')
  return rows
}

const probesSql = `
create table test_gates (
  job_id text, direction text, name text, open boolean not null default false, held jsonb, primary key (job_id, direction, name)
);
create function test_hold() returns trigger language plpgsql as $$
begin
  update test_gates set held = to_jsonb(new)
  where job_id = new.job_id and direction = new.direction and name in (new.name, '*') and not open;
  if found then return null; end if;
  return new;
end $$;
create trigger test_hold before insert on outbox for each row execute function test_hold();

create table test_audit ("table" text, by text, at timestamptz(3));
create function test_audit() returns trigger language plpgsql as $$
begin
  insert into test_audit values (tg_argv[0], current_setting('application_name'), clock_timestamp());
  return null;
end $$;
create trigger test_audit after insert or update on copied_chunks for each row execute function test_audit('copied_chunks');
create trigger test_audit after insert on job_events for each row execute function test_audit('job_events');
create trigger test_audit after update of checkpoint on job_steps for each row
  when (old.checkpoint is distinct from new.checkpoint) execute function test_audit('checkpoint')`
