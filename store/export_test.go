package store

// ForecastColumns and ScanForecast read rows of the ledger within a transaction of a test.
const ForecastColumns = forecastColumns

// ScanForecast is scanForecast.
var ScanForecast = scanForecast
