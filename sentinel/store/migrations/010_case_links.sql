-- The newest link of each case is looked up whenever the case is saved.
CREATE INDEX chain_cases ON chain (number) WHERE item = 'case';
