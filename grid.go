package surgecast

// LeadMinutes are the leads every stored forecast covers, in minutes from its origin. Between two
// leads quantiles are interpolated in log lead by one function (model), which API, breach, arena and
// chart all use.
var LeadMinutes = [...]int{1, 2, 3, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1440}

// Levels are the probability levels of every stored forecast.
var Levels = [...]float64{
	.025, .05, .1, .2, .25, .3, .4, .5, .6, .7, .75, .8, .9, .95, .975, .99, .995, .999,
}

// HorizonMinutes are the windows 1..h over which a breach is judged.
var HorizonMinutes = [...]int{5, 15, 30, 60, 120, 360, 720, 1440}
